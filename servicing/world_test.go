package servicing_test

import (
	"encoding/binary"
	"errors"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// world draws the history of a loan, step by step: what people do to it, what
// they try in vain, and the days that pass.
type world struct {
	*books
	t        *rapid.T
	business civil.Date
	commands []servicing.Command // that were accepted, in the order of arrival
	targets  []uuid.UUID         // their ids
	undone   map[uuid.UUID]bool
	cash     int64 // that the lender should have, from what was accepted alone
	next     uint64
}

func anyProduct(t *rapid.T, currency money.Currency) servicing.Product {
	some := func(minor int64) money.Amount { return money.New(minor, currency) }
	var p servicing.Product
	p.Accrual = rapid.SampledFrom([]servicing.Accrual{servicing.AtDueDate, servicing.Daily}).Draw(t, "accrual")
	p.DeferFees = rapid.Bool().Draw(t, "defer fees")
	p.Excess = rapid.SampledFrom([]amortization.PrepaymentEffect{
		"", "", amortization.ReduceTerm, amortization.ReduceInstalment,
	}).Draw(t, "excess")
	if rapid.Bool().Draw(t, "tolerance") {
		p.Tolerance = some(50)
	}
	switch rapid.IntRange(0, 3).Draw(t, "late fee") {
	case 0:
		p.LateFee = servicing.LateFee{GraceDays: 3, Amount: some(70)}
	case 1:
		p.LateFee = servicing.LateFee{
			Percent: amortization.MustDecimal("2.5"), EveryDays: 9, Cap: some(300), Tolerance: some(20),
		}
	}
	switch rapid.IntRange(0, 2).Draw(t, "suspension") {
	case 0:
		p.Suspension = servicing.Suspension{AfterDays: 20}
	case 1:
		p.Suspension = servicing.Suspension{AfterDays: 35, Reverse: true, ResumeDays: 5}
	}
	if rapid.Bool().Draw(t, "stages") {
		p.Stages = []servicing.Stage{
			{Number: 1, RatePercent: amortization.MustDecimal("1")},
			{FromDays: 31, Number: 2, RatePercent: amortization.MustDecimal("12.5")},
			{FromDays: 91, Number: 3, RatePercent: amortization.MustDecimal("60")},
		}
	}
	if rapid.Bool().Draw(t, "posting") {
		p.Posting = []posting.Rule{{
			Transaction: posting.Repayment, Of: posting.Principal, Debit: ledger.TransfersSuspense,
			Credit: ledger.LoanPortfolio,
		}}
	}
	return p
}

func newWorld(t *rapid.T) *world {
	terms := anyTerms(t)
	if rapid.IntRange(0, 4).Draw(t, "tranches") == 0 && terms.Instalments > 2 && terms.Method == amortization.Annuity {
		share := money.New(terms.Principal.Minor()/5, terms.Principal.Currency())
		terms.Tranches = []amortization.Tranche{
			{Date: terms.DisbursementDate.AddDays(5), Amount: share},
			{Date: terms.DisbursementDate.AddDays(31), Amount: share},
		}
	}
	a := activation(t, terms)
	a.Allocation = anyOrder(t)
	a.Allocation.Future = rapid.SampledFrom([]amortization.FutureRule{
		amortization.NextInstalment, amortization.LastInstalment, amortization.SpreadInstalments,
	}).Draw(t, "future")
	if rapid.IntRange(0, 9).Draw(t, "product") > 0 {
		a.Product = anyProduct(t, terms.Principal.Currency())
	}
	w := &world{books: emptyBooks(t), t: t, business: a.On, undone: map[uuid.UUID]bool{}}
	w.take(servicing.Activate(a))
	if rapid.IntRange(0, 9).Draw(t, "paid out late") == 0 {
		w.business = w.business.AddDays(rapid.IntRange(1, 40).Draw(t, "days"))
	}
	w.take(w.loan.CompleteDisbursement(disbursementID, "bank-1", w.business))
	w.cash = -w.loan.Disbursement.Net.Minor()
	return w
}

func (w *world) id() uuid.UUID {
	w.next++
	var id [16]byte
	// Neither rising nor the same in each history.
	binary.BigEndian.PutUint64(id[8:], w.next)
	binary.BigEndian.PutUint64(id[:8], rapid.Uint64().Draw(w.t, "id"))
	return id
}

func (w *world) amount(largest int64) money.Amount {
	return money.New(rapid.Int64Range(1, max(1, largest)).Draw(w.t, "amount"), w.loan.Currency())
}

// past draws a day from the disbursement to the business date, most often a late one.
func (w *world) past() civil.Date {
	if rapid.IntRange(0, 2).Draw(w.t, "late") > 0 {
		return w.business
	}
	return w.business.AddDays(-rapid.IntRange(0, max(0, w.business.DaysSince(w.loan.DisbursedOn))).Draw(w.t, "days late"))
}

// step does something.
func (w *world) step() {
	what := rapid.SampledFrom([]int{0, 1, 2, 3, 3, 4}).Draw(w.t, "what")
	if w.loan.Overpaid.IsPositive() && rapid.Bool().Draw(w.t, "refund") {
		on := w.past()
		w.try(servicing.Refund{
			ID: w.id(), On: on, Amount: w.amount(w.loan.Overpaid.Minor() + 1), AfterPayoff: w.loan.ClosedOn == on,
		})
		return
	}
	switch what {
	case 0:
		w.business = w.business.AddDays(rapid.IntRange(1, 40).Draw(w.t, "days"))
		w.take(w.loan.StartDay(w.business))
	case 1:
		if w.loan.Status == servicing.WrittenDown {
			w.try(w.payment(servicing.Recovery))
			return
		}
		w.business = w.business.AddDays(rapid.IntRange(0, 20).Draw(w.t, "days")) // close-of-day is late
		w.try(w.payment(servicing.Normal))
	case 2:
		w.try(w.payment(rapid.SampledFrom([]servicing.PaymentKind{
			servicing.Normal, servicing.PrepayTerm, servicing.PrepayInstalment, servicing.GoodwillCredit,
			servicing.MerchantRefund, servicing.InterestRefund, servicing.FeeAdjustment, servicing.Recovery, "GIFT",
		}).Draw(w.t, "kind")))
	case 3:
		w.rare()
	case 4:
		if len(w.targets) > 0 {
			target := rapid.SampledFrom(w.targets).Draw(w.t, "target")
			w.try(servicing.Reversal{ID: w.id(), Target: target})
		}
	}
}

func (w *world) payment(kind servicing.PaymentKind) servicing.Payment {
	largest := w.loan.Outstanding().Total().Minor() / 3
	if rapid.IntRange(0, 3).Draw(w.t, "much") == 0 {
		return servicing.Payment{
			ID: w.id(), Kind: kind, ValueDate: w.past(),
			Amount: money.New(largest*3+rapid.Int64Range(-1, largest).Draw(w.t, "more"), w.loan.Currency()),
		}
	}
	return servicing.Payment{ID: w.id(), Kind: kind, Amount: w.amount(largest), ValueDate: w.past()}
}

func (w *world) rare() {
	l, on := &w.loan, w.past()
	component := rapid.SampledFrom([]amortization.Component{
		amortization.PartFee, amortization.PartPenalty, amortization.PartInterest, amortization.PartPrincipal,
	})
	switch rapid.IntRange(0, 13).Draw(w.t, "rare") {
	case 13:
		w.try(servicing.IncomeDeferral{
			ID: w.id(), On: on, Amount: w.amount(900),
			By: rapid.SampledFrom([]servicing.DeferralKind{servicing.Capitalised, servicing.BuyDown, "ME"}).Draw(w.t, "by"),
		})
	case 0, 1:
		w.try(servicing.Charge{
			ID: w.id(), On: on, Component: component.Draw(w.t, "component"), Amount: w.amount(500),
			Due: on.AddDays(rapid.IntRange(-1, 40).Draw(w.t, "due")),
		})
	case 2, 3:
		w.try(servicing.Waiver{ID: w.id(), On: on, Component: component.Draw(w.t, "component"), Amount: w.amount(400)})
	case 4:
		w.try(servicing.Refund{ID: w.id(), On: on, Amount: w.amount(l.Overpaid.Minor() + 1)}) // most often too much
	case 5:
		w.try(servicing.Chargeback{
			ID: w.id(), On: on, Amount: w.amount(1000),
			By: rapid.SampledFrom([]servicing.ChargebackKind{servicing.ByBank, servicing.ByLender, "ME"}).Draw(w.t, "by"),
		})
	case 6:
		w.try(servicing.Rescheduling{
			ID: w.id(), On: on, Capitalise: rapid.Bool().Draw(w.t, "capitalise"),
			Change: amortization.Rescheduling{Instalments: rapid.IntRange(0, 14).Draw(w.t, "instalments")},
		})
	case 7:
		from := on.AddDays(rapid.IntRange(-1, 10).Draw(w.t, "from"))
		w.try(servicing.Pause{ID: w.id(), On: on, From: from, To: from.AddDays(rapid.IntRange(0, 60).Draw(w.t, "pause"))})
	case 8:
		w.payOff()
	case 9:
		w.try(servicing.ChargeOff{ID: w.id(), On: on, Fraud: rapid.Bool().Draw(w.t, "fraud")})
	case 10:
		if rapid.IntRange(0, 2).Draw(w.t, "give up") == 0 {
			w.try(servicing.WriteOff{ID: w.id(), On: on})
		}
	default:
		w.payOut()
	}
}

func (w *world) payOff() {
	quote, err := w.loan.PayoffQuote(w.business)
	if err != nil {
		return
	}
	minor := quote.Total.Minor() + rapid.Int64Range(-1, 2).Draw(w.t, "more")
	w.try(servicing.Payment{
		ID: w.id(), Kind: servicing.Payoff, Amount: money.New(minor, w.loan.Currency()), ValueDate: w.business,
	})
}

// payOut orders the next tranche and hears of it.
func (w *world) payOut() {
	if !w.loan.PayoutPending {
		w.try(servicing.Disburse{ID: w.id(), On: w.business})
		return
	}
	id := w.loan.Disbursement.ID
	if rapid.Bool().Draw(w.t, "paid out") {
		change, err := w.loan.CompleteDisbursement(id, "bank", w.business, w.facts...)
		if err == nil {
			w.cash -= w.loan.Disbursement.Net.Minor()
		}
		w.take(change, err)
		return
	}
	w.take(w.loan.FailDisbursement(id, "no", w.business, w.facts...))
	w.business = w.business.AddDays(1)
}

// known are the errors that a command may be refused with.
var known = []error{
	servicing.ErrInvalid, servicing.ErrNotActive, servicing.ErrWrongState, servicing.ErrConflict,
	servicing.ErrAlreadyReversed, servicing.ErrNotReversible, servicing.ErrPayoffShort, servicing.ErrDuplicate,
	servicing.ErrQuoteVoid, servicing.ErrNeedsHistory,
}

// try gives a command. If it is refused nothing may have changed.
func (w *world) try(c servicing.Command) bool {
	before, err := servicing.EncodeLoan(&w.loan)
	if err != nil {
		w.t.Fatalf("encoding: %v", err)
	}
	change, err := w.loan.Do(c, w.business, w.facts...)
	after, encoding := servicing.EncodeLoan(&w.loan)
	if encoding != nil || string(before) != string(after) {
		w.t.Fatalf("%T changed the loan that it was given: %v", c, encoding)
	}
	if err != nil {
		for _, sentinel := range known {
			if errors.Is(err, sentinel) && !errors.Is(err, servicing.ErrCorrupt) {
				return false
			}
		}
		w.t.Fatalf("%T %+v: an error without a name: %v", c, c, err)
	}
	w.count(c)
	w.take(change, nil)
	w.conserved(&change)
	return true
}

// count notes what an accepted command means for the lender's cash.
func (w *world) count(c servicing.Command) {
	w.commands = append(w.commands, c)
	switch c := c.(type) {
	case servicing.Reversal:
		w.undone[c.Target] = true
		for _, other := range w.commands {
			id, cash := cashOf(other)
			if id == c.Target {
				w.cash -= cash
			}
		}
		return
	case servicing.Disburse:
		return
	}
	id, cash := cashOf(c)
	w.targets = append(w.targets, id)
	w.cash += cash
}

func cashOf(c servicing.Command) (id uuid.UUID, cash int64) {
	switch c := c.(type) {
	case servicing.Payment:
		switch c.Kind {
		case servicing.GoodwillCredit, servicing.InterestRefund, servicing.FeeAdjustment:
			return c.ID, 0
		}
		return c.ID, c.Amount.Minor()
	case servicing.Refund:
		return c.ID, -c.Amount.Minor()
	case servicing.Chargeback:
		return c.ID, -c.Amount.Minor()
	case servicing.Charge:
		return c.ID, 0
	case servicing.Waiver:
		return c.ID, 0
	case servicing.Rescheduling:
		return c.ID, 0
	case servicing.Pause:
		return c.ID, 0
	case servicing.IncomeDeferral:
		return c.ID, 0
	case servicing.ChargeOff:
		return c.ID, 0
	case servicing.WriteOff:
		return c.ID, 0
	}
	return uuid.Nil, 0
}

// conserved checks what a change says of payments and of the books.
func (w *world) conserved(change *servicing.Change) {
	for _, f := range change.Facts {
		paid, ok := f.(servicing.Paid)
		if !ok {
			continue
		}
		if paid.Split.Total().Minor()+paid.Overpaid.Minor() != paid.Amount.Minor() {
			w.t.Fatalf("payment of %s is split into %+v and %s", paid.Amount, paid.Split, paid.Overpaid)
		}
		sum := servicing.NoParts(w.loan.Currency())
		for _, p := range paid.Portions {
			sum = sum.Plus(p.Parts)
		}
		if sum != paid.Split && paid.Payment != servicing.Recovery {
			w.t.Fatalf("payment %+v does not sum over its portions", paid)
		}
	}
	cash := w.control(ledger.FundSource)
	if len(w.loan.Product.Posting) > 0 { // principal goes to another account
		cash += w.control(ledger.TransfersSuspense)
	}
	if cash != w.cash {
		w.t.Fatalf("the books have cash of %d, what came in and went out is %d", cash, w.cash)
	}
	if got := w.control(ledger.LossAllowance); got != w.loan.Provision.Minor() {
		w.t.Fatalf("the books have an allowance of %d, the loan %s", got, w.loan.Provision)
	}
	if got := w.control(ledger.DeferredIncome); got != w.loan.DeferredIncome().Minor() {
		w.t.Fatalf("the books have deferred %d, the loan %s", got, w.loan.DeferredIncome())
	}
	touched := map[string]int{}
	for _, e := range change.Entries {
		for _, line := range e.Lines {
			touched[e.EffectiveDate.String()+line.AccountID.String()]++
		}
	}
	if adjusts(change) {
		for account, n := range touched {
			if n > 2 {
				w.t.Fatalf("%d entries for the account and day %s", n, account)
			}
		}
	}
}

func adjusts(change *servicing.Change) bool {
	for _, f := range change.Facts {
		if f.Kind() == servicing.KindAdjusted {
			return true
		}
	}
	return false
}

// principal checks that what is outstanding is what was lent, less what was
// repaid and written off or forgiven of it.
func (w *world) principal() {
	l, sum := &w.loan, int64(0)
	for _, f := range w.facts {
		switch f := f.(type) {
		case servicing.DisbursementInitiated:
			sum += f.Disbursement.Gross.Minor()
		case servicing.DisbursementFailed:
			sum -= f.Disbursement.Gross.Minor()
		}
	}
	for _, c := range w.commands {
		switch c := c.(type) {
		case servicing.Chargeback:
			if !w.undone[c.ID] {
				sum += c.Amount.Minor()
			}
		case servicing.Rescheduling:
			if c.Capitalise && !w.undone[c.ID] {
				return // arrears became principal: the books are checked, this sum is not
			}
		case servicing.IncomeDeferral:
			if c.By == servicing.Capitalised && !w.undone[c.ID] {
				return
			}
		case servicing.Refund:
			if !w.undone[c.ID] {
				return // part of it may have been lent
			}
		}
	}
	for i := range l.Instalments {
		sum -= l.Instalments[i].Paid.Principal.Minor() + l.Instalments[i].Waived.Principal.Minor()
	}
	if got := l.Outstanding().Principal.Minor(); got != sum {
		w.t.Fatalf("principal outstanding is %d, lent less repaid and written off %d", got, sum)
	}
}

// folded checks that the state is the fold of its facts, to the byte.
func (w *world) folded() {
	again, err := servicing.Replay(throughJSON(w.t, w.facts))
	if err != nil {
		w.t.Fatalf("replay: %v", err)
	}
	if diff := cmp.Diff(w.loan, again, cmpopts.EquateEmpty()); diff != "" {
		w.t.Fatalf("replayed loan (-want +got):\n%s", diff)
	}
	moved := servicing.NoBalance(w.loan.Currency())
	for _, f := range w.facts {
		moved = moved.Plus(w.loan.MovementOf(f).Change)
	}
	if want := (servicing.Balance{Parts: w.loan.Receivable(), Overpaid: w.loan.Overpaid}); moved != want {
		w.t.Fatalf("the facts moved %+v, the loan has %+v", moved, want)
	}
	w.feesTold()
	mine, err := servicing.EncodeLoan(&w.loan)
	if err != nil {
		w.t.Fatalf("encoding: %v", err)
	}
	if other, err := servicing.EncodeLoan(&again); err != nil || string(other) != string(mine) {
		w.t.Fatalf("the fold encodes differently: %v", err)
	}
}

// staged checks that the last stage that the world has heard of is the loan's.
func (w *world) staged() {
	heard := 0
	for _, f := range w.facts {
		switch f := f.(type) {
		case servicing.StageChanged:
			heard = f.To
		case servicing.FullyRepaid:
			heard = 0
		}
	}
	if w.loan.Status == servicing.Active && heard != w.loan.StageNumber() {
		w.t.Fatalf("the loan is in stage %d, the world has heard of stage %d", w.loan.StageNumber(), heard)
	}
}
