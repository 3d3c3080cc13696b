package servicing_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/posting"
)

func TestDisbursementBooksGrossAndPaysOutNet(t *testing.T) {
	t.Parallel()
	b := activate(t, rbiTerms(t))
	if b.loan.Status != servicing.Pending || b.control(ledger.DisbursementClearing) != 1_976_000 {
		t.Fatalf("before the payout: %s, in clearing %d", b.loan.Status, b.control(ledger.DisbursementClearing))
	}
	b.take(b.loan.CompleteDisbursement(disbursementID, "bank-1", date(t, "2026-01-15")))
	got := map[string]int64{
		"portfolio": b.own(ledger.LoanPortfolio), "cash": b.control(ledger.FundSource),
		"fee income": b.control(ledger.IncomeFromFees), "for third parties": b.control(ledger.DisbursementClearing),
	}
	want := map[string]int64{
		"portfolio": 2_000_000, "cash": -1_960_000, "fee income": 24_000, "for third parties": 16_000,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("balances (-want +got):\n%s", diff)
	}
	if b.loan.Status != servicing.Active {
		t.Errorf("status %s", b.loan.Status)
	}
	again, err := b.loan.CompleteDisbursement(disbursementID, "bank-1", date(t, "2026-01-16"))
	if err != nil || !again.Empty() {
		t.Errorf("the bank's second answer: %+v, %v", again.Facts, err)
	}
	_, err = b.loan.FailDisbursement(disbursementID, "no", date(t, "2026-01-16"))
	if !errors.Is(err, servicing.ErrWrongState) {
		t.Errorf("failure after the payout: %v", err)
	}
}

func TestFailedDisbursementLeavesNothing(t *testing.T) {
	t.Parallel()
	b := activate(t, rbiTerms(t))
	b.take(b.loan.FailDisbursement(disbursementID, "account closed", date(t, "2026-01-17")))
	for id, balance := range b.balances {
		if balance != 0 {
			t.Errorf("account %s keeps %d", b.accounts[id].Code, balance)
		}
	}
	if b.loan.Status != servicing.Cancelled || !b.loan.Outstanding().IsZero() {
		t.Errorf("status %s, outstanding %+v", b.loan.Status, b.loan.Outstanding())
	}
	if again, err := b.loan.FailDisbursement(disbursementID, "", date(t, "2026-01-18")); err != nil || !again.Empty() {
		t.Errorf("second failure: %+v, %v", again.Facts, err)
	}
	_, err := b.loan.CompleteDisbursement(disbursementID, "x", date(t, "2026-01-18"))
	if !errors.Is(err, servicing.ErrWrongState) {
		t.Errorf("payout of a cancelled loan: %v", err)
	}
	if _, err := b.loan.Close(date(t, "2026-01-18")); !errors.Is(err, servicing.ErrNotActive) {
		t.Errorf("closing a cancelled loan: %v", err)
	}
}

func TestActivationNeedsTheSignedSchedule(t *testing.T) {
	t.Parallel()
	a := activation(t, rbiTerms(t))
	a.Terms.AnnualRatePercent = amortization.MustDecimal("15.01")
	if _, err := servicing.Activate(a); !errors.Is(err, servicing.ErrScheduleHash) {
		t.Errorf("another rate: %v", err)
	}
	negative := rbiTerms(t)
	negative.AnnualRatePercent = amortization.MustDecimal("-1")
	if _, err := servicing.Activate(activation(t, negative)); !errors.Is(err, servicing.ErrInvalid) {
		t.Errorf("negative rate: %v", err)
	}
}

func TestEntriesHaveTheNamesOfTheJournal(t *testing.T) {
	t.Parallel()
	b := disbursed(t, rbiTerms(t))
	b.pay(servicing.Normal, 2*96_973, date(t, "2026-01-15"), date(t, "2026-01-15"))
	b.pay(servicing.Payoff, 2_000_000, date(t, "2026-01-15"), date(t, "2026-01-15"))
	kinds := map[string]int{}
	for _, entry := range b.keys {
		kinds[entry.Kind]++
		if entry.Reference != loanID.String() || entry.BookingDate != date(t, "2026-01-15") {
			t.Errorf("entry %+v", entry)
		}
	}
	want := map[string]int{"DISBURSEMENT": 1, "PAYOUT": 1, "ACCRUAL": 2, "REPAYMENT": 2, "REALLOCATION": 1}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("entries by kind (-want +got):\n%s", diff)
	}
}

// The whole life of the published loan: on time, late, in part, and paid off early.
func TestLateAndPartialPaymentsThenPayoffEndAtZero(t *testing.T) {
	t.Parallel()
	b := disbursed(t, rbiTerms(t))
	first := b.pay(servicing.Normal, 96_973, date(t, "2026-02-15"), date(t, "2026-02-15"))
	want := servicing.Paid{
		On: date(t, "2026-02-15"), Booked: date(t, "2026-02-15"), PaymentID: uuid.NewSHA1(loanID, []byte{3}),
		Payment: servicing.Normal, Transaction: posting.Repayment, Amount: inr(96_973),
		Split:    servicing.Parts{Principal: inr(71_973), Interest: inr(25_000), Fees: inr(0), Penalties: inr(0)},
		Overpaid: inr(0),
		Portions: []servicing.Portion{{Number: 1, Parts: servicing.Parts{
			Principal: inr(71_973), Interest: inr(25_000), Fees: inr(0), Penalties: inr(0),
		}}},
	}
	if diff := cmp.Diff(want, first.Facts[1]); diff != "" {
		t.Errorf("first payment (-want +got):\n%s", diff)
	}
	// Nothing on the second due date: overdue on the day after, once.
	b.take(b.loan.StartDay(date(t, "2026-03-15")))
	if got := b.loan.DaysPastDue(date(t, "2026-03-15")); got != 0 {
		t.Errorf("%d days past due on the due date", got)
	}
	change, err := b.loan.StartDay(date(t, "2026-03-16"))
	b.take(change, err)
	overdue := servicing.WentOverdue{
		On: date(t, "2026-03-16"), Number: 2, Due: date(t, "2026-03-15"), Open: inr(96_973), DaysPastDue: 1,
	}
	if diff := cmp.Diff([]servicing.Fact{overdue}, change.Facts); diff != "" {
		t.Errorf("overdue (-want +got):\n%s", diff)
	}
	if again, err := b.loan.StartDay(date(t, "2026-03-16")); err != nil || !again.Empty() {
		t.Errorf("the same day again: %+v, %v", again.Facts, err)
	}
	b.pay(servicing.Normal, 50_000, date(t, "2026-03-20"), date(t, "2026-03-20"))
	if got := b.loan.DaysPastDue(date(t, "2026-03-20")); got != 5 {
		t.Errorf("%d days past due after a partial payment, want 5", got)
	}
	if got := b.loan.DueNow(date(t, "2026-03-20")).Total(); got != inr(46_973) {
		t.Errorf("due now %s", got)
	}
	b.pay(servicing.Normal, 46_973, date(t, "2026-03-25"), date(t, "2026-03-25"))
	if got := b.loan.DaysPastDue(date(t, "2026-03-25")); got != 0 {
		t.Errorf("%d days past due after the rest", got)
	}
	payOffEarly(t, b)
}

func payOffEarly(t *testing.T, b *books) {
	t.Helper()
	day := date(t, "2026-03-30") // half of the third period by 30/360
	quote, err := b.loan.PayoffQuote(day)
	if err != nil {
		t.Fatal(err)
	}
	if quote.Principal != inr(1_855_154) || quote.Interest != inr(11_594) || quote.Total != inr(1_866_748) {
		t.Errorf("quote %+v", quote)
	}
	short := servicing.Payment{ID: loanID, Kind: servicing.Payoff, Amount: inr(1_866_747), ValueDate: day}
	if _, err := b.loan.Pay(short, day); !errors.Is(err, servicing.ErrPayoffShort) {
		t.Errorf("one paisa too little: %v", err)
	}
	if _, err := b.loan.Close(day); !errors.Is(err, servicing.ErrOutstanding) {
		t.Errorf("closing with a debt: %v", err)
	}
	b.pay(servicing.Payoff, 1_866_748, day, day)
	if b.loan.Status != servicing.Closed || !b.loan.Outstanding().IsZero() || !b.loan.Overpaid.IsZero() {
		t.Errorf("after the payoff: %s, %+v, overpaid %s", b.loan.Status, b.loan.Outstanding(), b.loan.Overpaid)
	}
	wantInterest := int64(25_000 + 24_100 + 11_594)
	if got := b.control(ledger.InterestOnLoans); got != wantInterest {
		t.Errorf("interest income %d, want %d", got, wantInterest)
	}
	if got, want := b.control(ledger.FundSource), wantInterest+2_000_000-1_960_000; got != want {
		t.Errorf("cash %d, want %d", got, want)
	}
	if again, err := b.loan.Close(day); err != nil || !again.Empty() {
		t.Errorf("closing again: %+v, %v", again.Facts, err)
	}
}

func TestPayoffTakesBackInterestAlreadyReceivable(t *testing.T) {
	t.Parallel()
	b := disbursed(t, rbiTerms(t))
	b.take(b.loan.StartDay(date(t, "2026-02-16"))) // the first period's 250.00 is receivable
	day := date(t, "2026-01-30")                   // a payoff that the bank reports late
	quote, err := b.loan.PayoffQuote(day)
	if err != nil {
		t.Fatal(err)
	}
	if quote.Interest != inr(12_500) {
		t.Errorf("interest of half a period %s", quote.Interest)
	}
	b.pay(servicing.Payoff, quote.Total.Minor(), day, date(t, "2026-02-16"))
	if got := b.control(ledger.InterestOnLoans); got != 12_500 {
		t.Errorf("interest income %d", got)
	}
}

func TestPayoffCreditsInterestPaidInAdvance(t *testing.T) {
	t.Parallel()
	b := disbursed(t, rbiTerms(t))
	b.pay(servicing.Normal, 3*96_973, date(t, "2026-01-15"), date(t, "2026-01-15"))
	quote, err := b.loan.PayoffQuote(date(t, "2026-01-15"))
	if err != nil {
		t.Fatal(err)
	}
	// Nothing is earned on the first day: what was paid has all repaid principal.
	if got, want := quote.Total, inr(2_000_000-3*96_973); got != want {
		t.Errorf("payoff %s, want %s", got, want)
	}
	change := b.pay(servicing.Payoff, quote.Total.Minor()+7, date(t, "2026-01-15"), date(t, "2026-01-15"))
	if b.loan.Status != servicing.Closed || b.loan.Overpaid != inr(7) || b.control(ledger.InterestOnLoans) != 0 {
		t.Errorf("after %d facts: %s, overpaid %s, interest income %d", len(change.Facts), b.loan.Status, b.loan.Overpaid,
			b.control(ledger.InterestOnLoans))
	}
}

func TestPaymentsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := disbursed(t, rbiTerms(t))
	b.take(b.loan.StartDay(date(t, "2026-03-01")))
	b.pay(servicing.Normal, 100, date(t, "2026-02-20"), date(t, "2026-03-01"))
	good := servicing.Payment{ID: loanID, Kind: servicing.Normal, Amount: inr(1), ValueDate: date(t, "2026-03-01")}
	tests := map[string]struct {
		change func(*servicing.Payment)
		field  string
	}{
		"kind": {func(p *servicing.Payment) { p.Kind = "GIFT" }, "kind"},
		"currency": {
			func(p *servicing.Payment) { p.Amount = money.New(1, money.MustCurrency("USD")) }, "amount.currency",
		},
		"zero":     {func(p *servicing.Payment) { p.Amount = inr(0) }, "amount.amount"},
		"negative": {func(p *servicing.Payment) { p.Amount = inr(-1) }, "amount.amount"},
		"absurd":   {func(p *servicing.Payment) { p.Amount = inr(servicing.PaymentMax + 1) }, "amount.amount"},
		"future":   {func(p *servicing.Payment) { p.ValueDate = date(t, "2026-03-02") }, "value_date"},
		"early":    {func(p *servicing.Payment) { p.ValueDate = date(t, "2026-01-14") }, "value_date"},
		"payoff before other payment": {
			func(p *servicing.Payment) { p.Kind, p.ValueDate = servicing.Payoff, date(t, "2026-02-19") }, "value_date",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := good
			test.change(&p)
			loan := b.loan
			_, err := loan.Pay(p, date(t, "2026-03-01"))
			var fault *servicing.InvalidError
			if !errors.As(err, &fault) || fault.Field != test.field || !errors.Is(err, servicing.ErrInvalid) {
				t.Errorf("error %v, want field %s", err, test.field)
			}
		})
	}
	pending := activate(t, rbiTerms(t))
	if _, err := pending.loan.Pay(good, date(t, "2026-03-01")); !errors.Is(err, servicing.ErrNotActive) {
		t.Errorf("payment before the disbursement: %v", err)
	}
	if _, err := pending.loan.PayoffQuote(date(t, "2026-03-01")); !errors.Is(err, servicing.ErrNotActive) {
		t.Errorf("quote before the disbursement: %v", err)
	}
	if _, err := b.loan.PayoffQuote(date(t, "2026-01-01")); !errors.Is(err, servicing.ErrInvalid) {
		t.Errorf("quote for a day before the disbursement: %v", err)
	}
}

func TestReplayRefusesFactsThatDoNotFit(t *testing.T) {
	t.Parallel()
	b := disbursed(t, rbiTerms(t))
	payment := servicing.Paid{
		On: date(t, "2026-02-15"), Payment: servicing.Normal, Transaction: posting.Repayment, Amount: inr(5),
		Split: servicing.NoParts(inr(0).Currency()), Overpaid: inr(4),
	}
	foreign := servicing.Booked{
		On: date(t, "2026-02-15"), Transaction: posting.Accrual, Overpaid: inr(0), Other: inr(0),
		Parts: servicing.Parts{Principal: inr(0), Interest: inr(1), Fees: inr(0), Penalties: inr(0)},
	}
	for name, facts := range map[string][]servicing.Fact{
		"no activation":       b.facts[1:],
		"activated twice":     append(b.facts[:1:1], b.facts[0]),
		"disbursed twice":     append(b.facts[:3:3], b.facts[1]),
		"completed twice":     append(b.facts[:3:3], b.facts[2]),
		"failed after payout": append(b.facts[:3:3], servicing.DisbursementFailed{Disbursement: b.loan.Disbursement}),
		"lost money":          append(b.facts[:3:3], payment),
		"books of its own":    append(b.facts[:3:3], foreign),
		"paid before payout":  append(b.facts[:2:2], payment),
	} {
		if _, err := servicing.Replay(facts); !errors.Is(err, servicing.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := servicing.DecodeFact("GUESSED", []byte("{}")); !errors.Is(err, servicing.ErrCorrupt) {
		t.Errorf("unknown kind: %v", err)
	}
	if _, err := servicing.DecodeFact(servicing.KindPaid, []byte("{")); !errors.Is(err, servicing.ErrCorrupt) {
		t.Errorf("broken JSON: %v", err)
	}
}

// throughJSON returns the facts as storage gives them back.
func throughJSON(t tester, facts []servicing.Fact) []servicing.Fact {
	t.Helper()
	list := make([]servicing.Fact, len(facts))
	for i, fact := range facts {
		data, err := json.Marshal(fact)
		if err != nil {
			t.Fatalf("encoding %s: %v", fact.Kind(), err)
		}
		if list[i], err = servicing.DecodeFact(fact.Kind(), data); err != nil {
			t.Fatalf("decoding %s: %v", fact.Kind(), err)
		}
	}
	return list
}

func inr(minor int64) money.Amount { return money.New(minor, money.MustCurrency("INR")) }

// An account of the loan opens with the first line on it, once.
func TestAccountsOpenWhenTheyAreFirstTouched(t *testing.T) {
	t.Parallel()
	terms := rbiTerms(t)
	b := emptyBooks(t)
	step := func(change servicing.Change, err error, want ...ledger.Role) {
		t.Helper()
		b.take(change, err)
		var opened []ledger.Account
		for _, role := range want {
			opened = append(opened, ledger.LoanAccount(role, loanID, terms.Principal.Currency()))
		}
		if diff := cmp.Diff(opened, change.Opens, cmp.Comparer(sameCurrency)); diff != "" {
			t.Errorf("opened (-want +got):\n%s", diff)
		}
		again, err := servicing.Replay(b.facts)
		if err != nil || again.Opened != b.loan.Opened {
			t.Errorf("by the facts %b are open, by the loan %b: %v", again.Opened, b.loan.Opened, err)
		}
	}
	change, err := servicing.Activate(activation(t, terms))
	step(change, err, ledger.LoanPortfolio)
	change, err = b.loan.CompleteDisbursement(disbursementID, "bank-1", terms.DisbursementDate)
	step(change, err)
	first, second := b.loan.Instalments[0], b.loan.Instalments[1]
	change, err = b.loan.StartDay(first.Due)
	step(change, err, ledger.InterestReceivable)
	change, err = b.loan.StartDay(second.Due)
	step(change, err)
	change, err = b.loan.Pay(servicing.Payment{
		ID: customerID, Kind: servicing.Normal, Amount: inr(10_000_000), ValueDate: first.Due,
	}, second.Due, b.facts...)
	step(change, err, ledger.Overpayment)
}

func sameCurrency(a, b money.Currency) bool { return a == b }

func TestBucketsOfDaysPastDue(t *testing.T) {
	t.Parallel()
	for days, want := range map[int]servicing.Bucket{
		-1: "CURRENT", 0: "CURRENT", 1: "DPD_1_30", 30: "DPD_1_30", 31: "DPD_31_60", 60: "DPD_31_60", 61: "DPD_61_90",
		90: "DPD_61_90", 91: "DPD_OVER_90", 4_000: "DPD_OVER_90",
	} {
		if got := servicing.BucketOf(days); got != want {
			t.Errorf("%d days: %s, want %s", days, got, want)
		}
	}
}
