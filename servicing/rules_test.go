package servicing_test

import (
	"errors"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// serviced returns the books of a short loan with a product, paid out.
func serviced(t tester, p servicing.Product, terms amortization.Terms) *books {
	t.Helper()
	b := emptyBooks(t)
	a := activation(t, terms)
	a.Product = p
	b.take(servicing.Activate(a))
	b.take(b.loan.CompleteDisbursement(disbursementID, "bank-1", terms.DisbursementDate))
	return b
}

func (b *books) do(c servicing.Command, business civil.Date) servicing.Change {
	b.t.Helper()
	change, err := b.loan.Do(c, business, b.facts...)
	b.take(change, err)
	return change
}

func newID(n byte) uuid.UUID { return uuid.UUID{14: 1, 15: n} }

// Bad input is refused by name, and changes nothing.
func TestCommandsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := serviced(t, servicing.Product{}, shortTerms(t))
	on := date(t, "2026-03-01")
	b.take(b.loan.StartDay(on))
	b.pay(servicing.Normal, 50_000, on, on)
	usd := money.New(100, money.MustCurrency("USD"))
	charge := servicing.Charge{ID: newID(1), On: on, Component: amortization.PartFee, Amount: inr(100), Due: on}
	waiver := servicing.Waiver{ID: newID(1), On: on, Component: amortization.PartInterest, Amount: inr(100)}
	prepay := servicing.Payment{ID: newID(1), Kind: servicing.PrepayTerm, Amount: inr(100_000), ValueDate: on}
	back := servicing.Chargeback{ID: newID(1), By: servicing.ByBank, On: on, Amount: inr(100)}
	plan := servicing.Rescheduling{ID: newID(1), On: on, Change: amortization.Rescheduling{Instalments: 9}}
	pause := servicing.Pause{ID: newID(1), On: on, From: on, To: on.AddDays(3)}
	tests := map[string]struct {
		command servicing.Command
		want    error
		field   string
	}{
		"no id": {
			servicing.Charge{},
			servicing.ErrInvalid, "id",
		},
		"in the future": {
			with(charge, func(c *servicing.Charge) { c.On = on.AddDays(1) }),
			servicing.ErrInvalid, "on",
		},
		"before disbursement": {
			with(waiver, func(c *servicing.Waiver) { c.On = date(t, "2026-01-14") }),
			servicing.ErrInvalid, "on",
		},
		"charged interest": {
			with(charge, func(c *servicing.Charge) { c.Component = amortization.PartInterest }),
			servicing.ErrInvalid, "component",
		},
		"due before": {
			with(charge, func(c *servicing.Charge) { c.Due = on.AddDays(-1) }),
			servicing.ErrInvalid, "due",
		},
		"due for ever": {
			with(charge, func(c *servicing.Charge) { c.Due = on.AddDays(99_999) }),
			servicing.ErrInvalid, "due",
		},
		"wrong currency": {
			with(charge, func(c *servicing.Charge) { c.Amount = usd }),
			servicing.ErrInvalid, "amount.currency",
		},
		"zero": {
			with(charge, func(c *servicing.Charge) { c.Amount = inr(0) }),
			servicing.ErrInvalid, "amount.amount",
		},
		"absurd": {
			with(charge, func(c *servicing.Charge) { c.Amount = inr(servicing.PaymentMax + 1) }),
			servicing.ErrInvalid, "amount.amount",
		},
		"waived principal": {
			with(waiver, func(c *servicing.Waiver) { c.Component = amortization.PartPrincipal }),
			servicing.ErrInvalid, "component",
		},
		"waived more": {
			with(waiver, func(c *servicing.Waiver) { c.Amount = inr(99_999) }),
			servicing.ErrInvalid, "amount.amount",
		},
		"prepaid all": {
			with(prepay, func(p *servicing.Payment) { p.Amount = inr(900_000) }),
			servicing.ErrInvalid, "amount.amount",
		},
		"recovery of a debt": {
			with(prepay, func(p *servicing.Payment) { p.Kind = servicing.Recovery }),
			servicing.ErrNotActive, "",
		},
		"refund of nothing": {
			servicing.Refund{ID: newID(1), On: on, Amount: inr(1)},
			servicing.ErrInvalid, "amount.amount",
		},
		"refund after what": {
			servicing.Refund{ID: newID(1), On: on, Amount: inr(1), AfterPayoff: true},
			servicing.ErrInvalid, "after_payoff",
		},
		"charged back by whom": {
			with(back, func(c *servicing.Chargeback) { c.By = "ME" }),
			servicing.ErrInvalid, "by",
		},
		"charged back more": {
			with(back, func(c *servicing.Chargeback) { c.Amount = inr(50_001) }),
			servicing.ErrInvalid, "amount.amount",
		},
		"plan of another sum": {
			with(plan, func(r *servicing.Rescheduling) { r.Change.Outstanding = inr(1) }),
			servicing.ErrInvalid, "change",
		},
		"plan without end": {
			with(plan, func(r *servicing.Rescheduling) { r.Change.Instalments = 99_999 }),
			servicing.ErrInvalid, "change",
		},
		"pause backwards": {
			with(pause, func(p *servicing.Pause) { p.To = p.From }),
			servicing.ErrInvalid, "to",
		},
		"pause of the past": {
			with(pause, func(p *servicing.Pause) { p.From = on.AddDays(-1) }),
			servicing.ErrInvalid, "from",
		},
		"no tranche": {
			servicing.Disburse{ID: newID(1), On: on},
			servicing.ErrWrongState, "",
		},
		"reversal of nothing": {
			servicing.Reversal{ID: newID(1), Target: newID(9)},
			servicing.ErrInvalid, "target",
		},
		"reversal of itself": {
			servicing.Reversal{ID: newID(1), Target: newID(1)},
			servicing.ErrInvalid, "target",
		},
		"reversal of a payout": {
			servicing.Reversal{ID: newID(1), Target: disbursementID},
			servicing.ErrNotReversible, "",
		},
	}
	before, err := servicing.EncodeLoan(&b.loan)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		change, err := b.loan.Do(test.command, on, b.facts...)
		if !errors.Is(err, test.want) || len(change.Facts) > 0 {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		var fault *servicing.InvalidError
		if errors.As(err, &fault) && fault.Field != test.field {
			t.Errorf("%s: field %s, want %s", name, fault.Field, test.field)
		}
	}
	if after, err := servicing.EncodeLoan(&b.loan); err != nil || string(after) != string(before) {
		t.Errorf("a refused command changed the loan: %v", err)
	}
}

// with returns a copy of a command with a change.
func with[C servicing.Command](c C, change func(*C)) C {
	change(&c)
	return c
}

func TestClosedAndLostLoansTakeNothingButWhatIsTheirs(t *testing.T) {
	t.Parallel()
	on := date(t, "2026-02-01")
	pay := servicing.Payment{ID: newID(7), Kind: servicing.Normal, Amount: inr(100), ValueDate: on}
	closed := serviced(t, servicing.Product{}, shortTerms(t))
	quote, err := closed.loan.PayoffQuote(on)
	if err != nil {
		t.Fatal(err)
	}
	closed.pay(servicing.Payoff, quote.Total.Minor()+500, on, on)
	lost := serviced(t, servicing.Product{}, shortTerms(t))
	lost.do(servicing.WriteOff{ID: newID(1), On: on}, on)
	for name, b := range map[string]*books{"closed": closed, "written off": lost} {
		for _, c := range []servicing.Command{
			pay,
			servicing.Charge{ID: newID(2), On: on, Component: amortization.PartFee, Amount: inr(1), Due: on},
			servicing.ChargeOff{ID: newID(3), On: on},
			servicing.WriteOff{ID: newID(4), On: on},
			servicing.Disburse{ID: newID(5), On: on},
			servicing.Pause{ID: newID(6), On: on, From: on, To: on.AddDays(1)},
		} {
			if _, err := b.loan.Do(c, on, b.facts...); !errors.Is(err, servicing.ErrNotActive) {
				t.Errorf("%s: %T: %v", name, c, err)
			}
		}
	}
	if _, err := lost.loan.Close(on); !errors.Is(err, servicing.ErrNotActive) {
		t.Errorf("closing a loan that was written off: %v", err)
	}
	closed.do(servicing.Refund{ID: newID(8), On: on, Amount: inr(500), AfterPayoff: true}, on)
	if !closed.loan.Overpaid.IsZero() || closed.control(ledger.Overpayment) != 0 {
		t.Errorf("after the refund: %s", closed.loan.Overpaid)
	}
	change, err := lost.loan.Recover(newID(9), inr(700_000), on, on)
	lost.take(change, err)
	if lost.loan.Recovered.Principal != inr(600_000) || lost.loan.Overpaid != inr(100_000) {
		t.Errorf("recovered %+v, overpaid %s", lost.loan.Recovered, lost.loan.Overpaid)
	}
}

// A late fee waits for its grace, is charged again while the debt is open, ends
// at its cap, and is never charged for the sake of an earlier one.
func TestLateFees(t *testing.T) {
	t.Parallel()
	b := serviced(t, servicing.Product{LateFee: servicing.LateFee{
		GraceDays: 5, Percent: amortization.MustDecimal("1.5"), EveryDays: 10, Cap: inr(4_000),
	}}, shortTerms(t))
	// 1,035.29 was due on 15 February: 1.5 % are 15.53, the third fee meets the cap of 40.00.
	for day, want := range map[string]int64{
		"2026-02-20": 0, "2026-02-21": 1_553, "2026-03-02": 1_553, "2026-03-03": 3_106, "2026-03-13": 4_000,
		"2026-03-14": 4_000,
	} {
		change, err := b.loan.StartDay(date(t, day))
		if err != nil || change.Loan.Outstanding().Penalties != inr(want) {
			t.Errorf("%s: %s, %v, want %d", day, change.Loan.Outstanding().Penalties, err, want)
		}
		told := int64(0)
		for _, fact := range change.Facts {
			if fee, ok := fact.(servicing.LateFeeCharged); ok {
				told += fee.Amount.Minor()
			}
		}
		if told != want {
			t.Errorf("%s: late fees of %d were told, want %d", day, told, want)
		}
	}
	flat := serviced(t, servicing.Product{LateFee: servicing.LateFee{Amount: inr(5_000)}}, shortTerms(t))
	flat.take(flat.loan.StartDay(date(t, "2026-02-16")))
	// The payment of the second instalment goes to the fee on the first one before
	// anything else: what is short then is the fee.
	flat.pay(servicing.Normal, 103_529, date(t, "2026-02-16"), date(t, "2026-02-16"))
	flat.take(flat.loan.StartDay(date(t, "2026-03-01")))
	flat.pay(servicing.Normal, 103_529, date(t, "2026-03-01"), date(t, "2026-03-01"))
	flat.take(flat.loan.StartDay(date(t, "2026-05-14")))
	second := flat.loan.Instalments[1]
	if second.Open().Total() != inr(5_000) || second.LateFees != 0 || flat.loan.Instalments[2].LateFees != 1 {
		t.Errorf("second instalment: open %s, %d late fees", second.Open().Total(), second.LateFees)
	}
}

func TestDaysPastDueWithToleranceAndPauses(t *testing.T) {
	t.Parallel()
	b := serviced(t, servicing.Product{Tolerance: inr(100)}, shortTerms(t))
	day := date(t, "2026-02-20")
	b.pay(servicing.Normal, 103_429, day, day)
	if got := b.loan.DaysPastDue(day); got != 0 {
		t.Errorf("%d days past due with 1.00 open, which is tolerated", got)
	}
	b.do(servicing.Pause{ID: newID(1), On: day, From: date(t, "2026-03-18"), To: date(t, "2026-03-25")}, day)
	b.do(servicing.Pause{ID: newID(2), On: day, From: date(t, "2026-03-20"), To: date(t, "2026-03-28")}, day)
	for on, want := range map[string]int{
		"2026-03-15": 0, "2026-03-16": 29, "2026-03-18": 31, "2026-03-19": 31, "2026-03-28": 31, "2026-03-29": 32,
	} {
		if got := b.loan.DaysPastDue(date(t, on)); got != want {
			t.Errorf("%s: %d days past due, want %d", on, got, want)
		}
		if got, err := servicing.DaysPastDueAsOf(b.facts, date(t, on)); err != nil || got != want {
			t.Errorf("%s: %d days past due from the facts, want %d: %v", on, got, want, err)
		}
	}
	// A payment of the day comes after its start.
	paid, err := b.loan.Pay(servicing.Payment{
		ID: newID(5), Kind: servicing.Normal, Amount: inr(90_000), ValueDate: date(t, "2026-03-29"),
	}, date(t, "2026-03-29"))
	if err != nil {
		t.Fatal(err)
	}
	all := append(b.facts[:len(b.facts):len(b.facts)], paid.Facts...)
	late, err := servicing.DaysPastDueAsOf(all, date(t, "2026-03-29"))
	if err != nil || late != 32 {
		t.Errorf("%d days past due at the start of a day on which something is paid: %v", late, err)
	}
	// The first instalment turns out to have been paid in full, in time.
	b.pay(servicing.Normal, 100, date(t, "2026-02-15"), date(t, "2026-03-29"))
	if got, err := servicing.DaysPastDueAsOf(b.facts, date(t, "2026-03-29")); err != nil || got != 4 {
		t.Errorf("%d days past due after a late payment, want 4: %v", got, err)
	}
}

// Both outcomes of a prepayment are known before it is paid, and come true.
func TestPrepaymentIsQuotedBothWays(t *testing.T) {
	t.Parallel()
	b := serviced(t, servicing.Product{}, shortTerms(t))
	on := date(t, "2026-03-01")
	b.pay(servicing.Normal, 103_529, date(t, "2026-02-15"), on)
	quotes, err := b.loan.QuotePrepayment(inr(200_000), on)
	if err != nil || len(quotes) != 2 {
		t.Fatalf("%d quotes, %v", len(quotes), err)
	}
	shorter, smaller := quotes[0], quotes[1]
	if shorter.Difference.Instalments != -2 || smaller.Difference.Instalments != 0 {
		t.Errorf("instalments %d and %d", shorter.Difference.Instalments, smaller.Difference.Instalments)
	}
	same, less := shorter.Difference.NextInstalmentAfter, smaller.Difference.NextInstalmentAfter
	if less.Minor() >= 103_529 || same != inr(103_529) {
		t.Errorf("next instalments %s and %s", same, less)
	}
	more, some := shorter.Difference.Interest, smaller.Difference.Interest
	if more.Minor() >= some.Minor() || !some.IsNegative() {
		t.Errorf("interest %s and %s", more, some)
	}
	for _, quote := range quotes {
		p := servicing.Payment{ID: newID(1), Kind: quote.Kind, Amount: inr(200_000), ValueDate: on}
		change, err := b.loan.Pay(p, on)
		if err != nil {
			t.Fatal(err)
		}
		if len(change.Loan.Instalments) != len(quote.Instalments) || change.Loan.Instalments[4] != quote.Instalments[4] {
			t.Errorf("%s: %d instalments, quoted %d", quote.Kind, len(change.Loan.Instalments), len(quote.Instalments))
		}
		plan, err := change.Loan.Schedule()
		if err != nil || plan.Totals.Interest.Minor()-21_175 != quote.Difference.Interest.Minor() {
			t.Errorf("%s: interest %s, quoted %+v: %v", quote.Kind, plan.Totals.Interest, quote.Difference, err)
		}
	}
}

// The days of each period sum to the interest of its instalment, to the cent,
// and a batch may book what the loan itself would.
func TestDailyAccrualSumsToTheInstalment(t *testing.T) {
	t.Parallel()
	b := serviced(t, servicing.Product{Accrual: servicing.Daily}, shortTerms(t))
	day := b.loan.DisbursedOn
	sum := int64(0)
	for i := range b.loan.Instalments {
		for day = day.AddDays(1); !day.After(b.loan.Instalments[i].Due); day = day.AddDays(1) {
			amount, alone := b.loan.DailyAccrual(day)
			before := b.control(ledger.InterestOnLoans)
			b.take(b.loan.StartDay(day))
			booked := b.control(ledger.InterestOnLoans) - before
			if alone && booked != amount.Minor() {
				t.Fatalf("%s: booked %d, a batch would have booked %s", day, booked, amount)
			}
			sum += booked
		}
		day = day.AddDays(-1)
		if row := &b.loan.Instalments[i]; row.Accrued.Interest != row.Charged.Interest {
			t.Fatalf("instalment %d: accrued %s of %s", row.Number, row.Accrued.Interest, row.Charged.Interest)
		}
		b.pay(servicing.Normal, b.loan.DueNow(day).Total().Minor(), day, day)
	}
	if sum != 21_175 || b.loan.Status != servicing.Closed {
		t.Errorf("accrued %d in all, the loan is %s", sum, b.loan.Status)
	}
}

// A command that arrives late and changes nothing else books itself alone.
func TestALateInputWithoutConsequencesBooksItselfAlone(t *testing.T) {
	t.Parallel()
	b := serviced(t, servicing.Product{}, shortTerms(t))
	on := date(t, "2026-02-20")
	b.take(b.loan.StartDay(on))
	change := b.do(servicing.Payment{
		ID: newID(1), Kind: servicing.Normal, Amount: inr(500), ValueDate: date(t, "2026-02-17"),
	}, on)
	if len(change.Facts) != 1 || len(change.Entries) != 1 {
		t.Errorf("in order: %d facts, %d entries", len(change.Facts), len(change.Entries))
	}
	p := servicing.Payment{ID: newID(2), Kind: servicing.Normal, Amount: inr(500), ValueDate: date(t, "2026-02-16")}
	if !b.loan.NeedsHistory(p, on) {
		t.Fatal("the payment comes before another one")
	}
	if _, err := b.loan.Do(p, on); !errors.Is(err, servicing.ErrNeedsHistory) {
		t.Fatalf("without the facts: %v", err)
	}
	change = b.do(p, on)
	if len(change.Facts) != 1 || len(change.Entries) != 1 || change.Entries[0].BookingDate != on ||
		change.Entries[0].EffectiveDate != p.ValueDate {
		t.Errorf("late: %+v", change.Entries)
	}
	if _, err := b.loan.Do(p, on, b.facts...); !errors.Is(err, servicing.ErrDuplicate) {
		t.Errorf("the same again: %v", err)
	}
}

func TestTranches(t *testing.T) {
	t.Parallel()
	terms := shortTerms(t)
	terms.Tranches = []amortization.Tranche{{Date: date(t, "2026-02-01"), Amount: inr(200_000)}}
	b := serviced(t, servicing.Product{}, terms)
	paidOut := func(want int64) {
		t.Helper()
		if got, err := b.loan.PaidOut(); err != nil || got.Gross != inr(want) || got.Net != inr(want) {
			t.Errorf("paid out %+v, %v, want %d", got, err, want)
		}
	}
	on := date(t, "2026-02-01")
	paidOut(400_000)
	if got := b.loan.Outstanding().Principal; got != inr(400_000) || b.loan.Disbursement.Gross != inr(400_000) {
		t.Fatalf("lent %s", got)
	}
	b.do(servicing.Disburse{ID: newID(1), On: on}, on)
	b.take(b.loan.FailDisbursement(newID(1), "account closed", on, b.facts...))
	if b.loan.Status != servicing.Active || b.loan.Outstanding().Principal != inr(400_000) {
		t.Fatalf("after the failure: %s, %s", b.loan.Status, b.loan.Outstanding().Principal)
	}
	paidOut(400_000)
	again, err := b.loan.FailDisbursement(newID(1), "", on, b.facts...)
	if err != nil || !again.Empty() {
		t.Errorf("the failure again: %+v, %v", again.Facts, err)
	}
	if _, err := b.loan.CompleteDisbursement(newID(1), "x", on, b.facts...); !errors.Is(err, servicing.ErrWrongState) {
		t.Errorf("paid out after the failure: %v", err)
	}
	b.do(servicing.Disburse{ID: newID(2), On: on}, on)
	b.take(b.loan.CompleteDisbursement(newID(2), "bank-2", on, b.facts...))
	if got := b.loan.Outstanding().Principal; got != inr(600_000) || b.control(ledger.FundSource) != -600_000 {
		t.Errorf("lent %s, cash %d", got, b.control(ledger.FundSource))
	}
	paidOut(600_000)
	_, err = b.loan.Do(servicing.Disburse{ID: newID(3), On: on}, on, b.facts...)
	if !errors.Is(err, servicing.ErrWrongState) {
		t.Errorf("a third payout: %v", err)
	}
}

// A product that does not fit is refused when the loan is activated, by the
// name of the setting.
func TestProductsThatAreRefused(t *testing.T) {
	t.Parallel()
	percent := amortization.MustDecimal
	rule := func(debit, credit ledger.Role) []posting.Rule {
		return []posting.Rule{{
			Transaction: posting.Repayment, Of: posting.Principal, Debit: debit, Credit: credit,
		}}
	}
	for name, test := range map[string]struct {
		product servicing.Product
		field   string
	}{
		"accrual":  {servicing.Product{Accrual: "yearly"}, "product.accrual"},
		"excess":   {servicing.Product{Excess: amortization.NextInstalments}, "product.excess"},
		"days":     {servicing.Product{LateFee: servicing.LateFee{GraceDays: -1}}, "product"},
		"amount":   {servicing.Product{Tolerance: inr(-1)}, "product"},
		"currency": {servicing.Product{Tolerance: money.New(1, money.MustCurrency("USD"))}, "product"},
		"both fees": {
			servicing.Product{LateFee: servicing.LateFee{Amount: inr(1), Percent: percent("1")}}, "product.late_fee",
		},
		"percent":     {servicing.Product{LateFee: servicing.LateFee{Percent: percent("101")}}, "product.late_fee.percent"},
		"without cap": {servicing.Product{LateFee: servicing.LateFee{Amount: inr(1), EveryDays: 5}}, "product.late_fee.cap"},
		"resumes": {
			servicing.Product{Suspension: servicing.Suspension{AfterDays: 5, ResumeDays: 5}},
			"product.suspension.resume_days",
		},
		"no first stage": {servicing.Product{Stages: []servicing.Stage{{FromDays: 1, Number: 1}}}, "product.stages"},
		"stages fall": {
			servicing.Product{Stages: []servicing.Stage{{Number: 2}, {FromDays: 9, Number: 1}}}, "product.stages",
		},
		"no stage": {servicing.Product{Stages: []servicing.Stage{{}}}, "product.stages"},
		"rate": {
			servicing.Product{Stages: []servicing.Stage{{Number: 1, RatePercent: percent("-1")}}}, "product.stages",
		},
		"no row":    {servicing.Product{Posting: []posting.Rule{{Transaction: "GIFT"}}}, "product.posting.0"},
		"role":      {servicing.Product{Posting: rule("GIFTS", ledger.LoanPortfolio)}, "product.posting.0"},
		"loan role": {servicing.Product{Posting: rule(ledger.FundSource, ledger.Capital)}, "product.posting.0"},
	} {
		a := activation(t, shortTerms(t))
		a.Product = test.product
		_, err := servicing.Activate(a)
		var fault *servicing.InvalidError
		if !errors.As(err, &fault) || fault.Field != test.field {
			t.Errorf("%s: %v, want field %s", name, err, test.field)
		}
	}
	a := activation(t, shortTerms(t))
	a.Product.Posting = rule(ledger.TransfersSuspense, ledger.LoanPortfolio)
	if _, err := servicing.Activate(a); err != nil {
		t.Errorf("another role of the lender: %v", err)
	}
}
