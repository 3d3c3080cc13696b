package statement

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

func inr(minor int64) money.Amount { return money.New(minor, money.MustCurrency("INR")) }

// history is a loan of 6,000 with its facts, as commands make them.
type history struct {
	t     *testing.T
	loan  servicing.Loan
	facts []servicing.Fact
}

var first = civil.Date{Year: 2026, Month: time.January, Day: 15}

func begin(t *testing.T) *history {
	t.Helper()
	return beginWith(t, servicing.Product{})
}

func beginWith(t *testing.T, product servicing.Product) *history {
	t.Helper()
	terms := amortization.Terms{
		Principal: inr(600_000), AnnualRatePercent: amortization.MustDecimal("12"), Instalments: 6, DisbursementDate: first,
	}
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	h := &history{t: t}
	h.take(servicing.Activate(servicing.Activation{
		LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: uuid.New(),
		DisbursementID: uuid.New(), Terms: terms, ScheduleHash: schedule.Hash(), On: first, Product: product,
	}))
	h.take(h.loan.CompleteDisbursement(h.loan.Disbursement.ID, "bank-1", first))
	return h
}

func (h *history) take(change servicing.Change, err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	h.loan, h.facts = change.Loan, append(h.facts, change.Facts...)
}

func (h *history) do(c servicing.Command, on civil.Date) {
	h.t.Helper()
	change, err := h.loan.Do(c, on, h.facts...)
	h.take(change, err)
}

func (h *history) statement(from, through civil.Date) Statement {
	h.t.Helper()
	s, err := New(&h.loan, h.facts, from, through)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func kindsOf(s *Statement) []string {
	kinds := make([]string, len(s.Lines))
	for i := range s.Lines {
		kinds[i] = s.Lines[i].Kind
	}
	return kinds
}

// What falls due on a day comes before what becomes receivable, and that before
// what is done about it.
func TestADayHasAnOrder(t *testing.T) {
	t.Parallel()
	h := begin(t)
	due := civil.Date{Year: 2026, Month: time.February, Day: 15}
	h.do(servicing.Payment{ID: uuid.New(), Kind: servicing.Normal, Amount: inr(103_529), ValueDate: due}, due)
	s := h.statement(due, due)
	if got, want := kindsOf(&s), []string{"DUE", "ACCRUAL", "REPAYMENT"}; !slices.Equal(got, want) {
		t.Fatalf("lines %v, want %v", got, want)
	}
	if s.Opening.Principal != inr(600_000) || s.Closing.Principal != h.loan.Receivable().Principal {
		t.Errorf("from %+v to %+v", s.Opening, s.Closing)
	}
	paid := s.Lines[2]
	if paid.Amount != inr(103_529) || paid.Allocation.Interest != inr(6_000) || !s.Lines[2].Balance.Interest.IsZero() {
		t.Errorf("payment %+v", paid)
	}
}

// A late fee that a late payment takes back is shown with what it was, and that
// it is gone: the balance has none of it.
func TestALateFeeThatIsTakenBackIsShown(t *testing.T) {
	t.Parallel()
	h := beginWith(t, servicing.Product{LateFee: servicing.LateFee{GraceDays: 3, Amount: inr(5_000)}})
	due := civil.Date{Year: 2026, Month: time.February, Day: 15}
	on := due.AddDays(10)
	h.take(h.loan.StartDay(on))
	h.do(servicing.Payment{ID: uuid.New(), Kind: servicing.Normal, Amount: inr(103_529), ValueDate: due}, on)
	s := h.statement(civil.Date{}, on)
	var fees []string
	for _, line := range s.Lines {
		if line.Kind == KindLateFee || line.Kind == KindLateFeeReversed {
			fees = append(fees, line.Kind+" "+line.Amount.Text()+" "+line.Text)
		}
	}
	want := []string{
		"LATE_FEE 50.00 Late fee on instalment 1, 4 days past due",
		"LATE_FEE_REVERSED 50.00 Late fee on instalment 1 taken back",
	}
	if !slices.Equal(fees, want) || !s.Closing.Penalties.IsZero() {
		t.Errorf("late fees %q, closing penalties %s", fees, s.Closing.Penalties)
	}
}

// After a charge-off the books have nothing, and a payment is shown with its split.
func TestPaymentsAfterAChargeOffSayHowTheyAreSplit(t *testing.T) {
	t.Parallel()
	h := begin(t)
	on := first.AddDays(10)
	h.do(servicing.ChargeOff{ID: uuid.New(), On: on}, on)
	paid := on.AddDays(1)
	h.do(servicing.Payment{ID: uuid.New(), Kind: servicing.Normal, Amount: inr(7_000), ValueDate: paid}, paid)
	s := h.statement(civil.Date{}, paid)
	if !s.Closing.IsZero() || s.Status != servicing.Active {
		t.Errorf("closing %+v of a loan that is %s", s.Closing, s.Status)
	}
	last := &s.Lines[len(s.Lines)-1]
	if last.Kind != "CHARGE_OFF_REPAYMENT" || !last.Change.IsZero() || last.Allocation.Total() != inr(7_000) {
		t.Errorf("payment %+v", last)
	}
	if rows := last.printed(); len(rows) != 2 || !strings.Contains(rows[1][1], "of which") {
		t.Errorf("printed as %v", rows)
	}
	sheet, err := s.CSV()
	if err != nil || !strings.Contains(string(sheet), ",CHARGE_OFF,Charged off,") {
		t.Errorf("%v: %s", err, sheet)
	}
	at := time.Date(2026, 1, 26, 9, 0, 0, 0, time.UTC)
	one, err := s.PDF("Tenor Bank", at)
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.PDF("Tenor Bank", at)
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("printed again it differs: %v", err)
	}
}

// Nothing falls due any more on a loan that was given up or repaid.
func TestWhatEndedFallsDueNoMore(t *testing.T) {
	t.Parallel()
	h := begin(t)
	on := first.AddDays(40)
	h.do(servicing.WriteOff{ID: uuid.New(), On: on}, on)
	paid := on.AddDays(90)
	h.do(servicing.Payment{ID: uuid.New(), Kind: servicing.Recovery, Amount: inr(7_000), ValueDate: paid}, paid)
	s := h.statement(civil.Date{}, paid)
	dues := 0
	for _, kind := range kindsOf(&s) {
		if kind == KindDue {
			dues++
		}
	}
	if dues != 1 || !slices.Contains(kindsOf(&s), "WRITE_OFF") || !slices.Contains(kindsOf(&s), "RECOVERY") {
		t.Errorf("lines %v", kindsOf(&s))
	}
}

func TestStatementsThatAreRefused(t *testing.T) {
	t.Parallel()
	h := begin(t)
	if _, err := New(&h.loan, h.facts, first, first.AddDays(-1)); !errors.Is(err, servicing.ErrInvalid) {
		t.Errorf("a period that ends before it begins: %v", err)
	}
	facts := h.facts
	for range LinesMax {
		facts = append(facts, h.facts[1])
	}
	if _, err := New(&h.loan, facts, first, first); !errors.Is(err, ErrTooLong) {
		t.Errorf("%d facts: %v", len(facts), err)
	}
}
