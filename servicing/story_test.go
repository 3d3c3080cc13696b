package servicing_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/posting"
)

var update = flag.Bool("update", false, "write the golden files")

// story tells what happens to a loan: each step with the facts and the journal
// entries that it leads to, and where the loan stands then.
type story struct {
	*books
	tb   testing.TB
	text strings.Builder
	next byte
}

func newStory(tb testing.TB, product servicing.Product, terms amortization.Terms) *story {
	tb.Helper()
	s := &story{books: emptyBooks(tb), tb: tb}
	a := activation(tb, terms)
	a.Product = product
	change, err := servicing.Activate(a)
	s.tell("activate", change, err)
	change, err = s.loan.CompleteDisbursement(disbursementID, "bank-1", terms.DisbursementDate)
	s.tell("pay out", change, err)
	return s
}

func (s *story) id() uuid.UUID {
	s.next++
	return uuid.UUID{15: s.next}
}

func (s *story) do(what, business string, c servicing.Command) {
	s.tb.Helper()
	change, err := s.loan.Do(c, date(s.tb, business), s.facts...)
	s.tell(business+"  "+what, change, err)
}

func (s *story) day(business string) {
	s.tb.Helper()
	change, err := s.loan.StartDay(date(s.tb, business))
	s.tell(business+"  start of the day", change, err)
}

func (s *story) pay(kind servicing.PaymentKind, minor int64, on, business string) uuid.UUID {
	s.tb.Helper()
	p := servicing.Payment{ID: s.id(), Kind: kind, Amount: inr(minor), ValueDate: date(s.tb, on)}
	s.do(fmt.Sprintf("%s %s as of %s", strings.ToLower(string(kind)), p.Amount, on), business, p)
	return p.ID
}

func (s *story) tell(what string, change servicing.Change, err error) {
	s.tb.Helper()
	fmt.Fprintf(&s.text, "%s\n", what)
	if err != nil {
		fmt.Fprintf(&s.text, "    refused: %v\n", err)
		return
	}
	s.take(change, nil)
	for _, f := range change.Facts {
		switch f := f.(type) {
		case servicing.WentOverdue:
			fmt.Fprintf(&s.text, "    %s  instalment %d is overdue with %s\n", f.On, f.Number, f.Open)
		case servicing.StageChanged:
			fmt.Fprintf(&s.text, "    %s  stage %d, %d days past due\n", f.On, f.To, f.DaysPastDue)
		case servicing.Suspended:
			fmt.Fprintf(&s.text, "    %s  income suspended: %t, %d days past due\n", f.On, f.Suspended, f.DaysPastDue)
		case servicing.FullyRepaid, servicing.Completed, servicing.Reopened:
			fmt.Fprintf(&s.text, "    %s  %s\n", f.Date(), strings.ToLower(string(f.Kind())))
		}
	}
	roles := map[uuid.UUID]ledger.Role{}
	for _, row := range ledger.Chart() {
		roles[ledger.ControlAccountID(row.Role, s.loan.Currency())] = row.Role
		roles[ledger.LoanAccountID(row.Role, s.loan.ID, s.loan.Currency())] = row.Role
	}
	s.daily(&change)
	for _, e := range change.Entries {
		if s.isDaily(e) {
			continue
		}
		fmt.Fprintf(&s.text, "    %s  %s\n", e.EffectiveDate, e.Kind)
		for _, line := range e.Lines {
			fmt.Fprintf(&s.text, "        %-6s %12s  %s\n", line.Side, line.Amount.Text(), roles[line.AccountID])
		}
	}
	l := &s.loan
	open := l.Outstanding()
	fmt.Fprintf(&s.text, "    = %s, owes %s + %s + %s + %s", l.Status, open.Principal.Text(), open.Interest.Text(),
		open.Fees.Text(), open.Penalties.Text())
	if !l.Overpaid.IsZero() {
		fmt.Fprintf(&s.text, ", overpaid %s", l.Overpaid.Text())
	}
	s.text.WriteByte('\n')
}

// isDaily reports whether an entry is one of many alike.
func (s *story) isDaily(e ledger.JournalEntry) bool {
	return s.loan.Product.Accrual == servicing.Daily && e.Kind == string(posting.Accrual) &&
		e.Lines[0].AccountID == ledger.LoanAccountID(ledger.InterestReceivable, s.loan.ID, s.loan.Currency())
}

// daily tells of daily accruals in one line.
func (s *story) daily(change *servicing.Change) {
	count, sum, first, last := 0, int64(0), "", ""
	for _, e := range change.Entries {
		if s.isDaily(e) {
			if count == 0 {
				first = e.EffectiveDate.String()
			}
			count, sum, last = count+1, sum+e.Lines[0].Amount.Minor(), e.EffectiveDate.String()
		}
	}
	if count > 0 {
		fmt.Fprintf(&s.text, "    %s to %s  %d accruals of interest, %s\n", first, last, count, inr(sum))
	}
}

func (s *story) golden(name string) {
	s.tb.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			s.tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(s.text.String()), 0o600); err != nil {
			s.tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		s.tb.Fatal(err)
	}
	if diff := cmp.Diff(string(want), s.text.String()); diff != "" {
		s.tb.Errorf("%s (-want +got); -update writes it:\n%s", path, diff)
	}
}

func shortTerms(tb testing.TB) amortization.Terms {
	tb.Helper()
	return amortization.Terms{
		Principal: inr(600_000), AnnualRatePercent: amortization.MustDecimal("12"), Instalments: 6,
		DisbursementDate: date(tb, "2026-01-15"),
	}
}

// A payment posted a month late: what followed from its absence is taken back
// in one entry for each day that it touches, and nothing else.
func TestStoryOfALatePayment(t *testing.T) {
	t.Parallel()
	s := newStory(t, servicing.Product{LateFee: servicing.LateFee{GraceDays: 3, Amount: inr(5_000)}}, shortTerms(t))
	s.day("2026-02-20")
	s.pay(servicing.Normal, 40_000, "2026-02-25", "2026-02-25")
	s.day("2026-03-16")
	late := s.pay(servicing.Normal, 110_000, "2026-02-15", "2026-03-16")
	s.do("it bounced", "2026-03-20", servicing.Reversal{ID: s.id(), Target: late, Reason: "returned unpaid"})
	s.do("again", "2026-03-20", servicing.Reversal{ID: s.id(), Target: late})
	s.golden("late_payment")
}

// Income is suspended when the loan is a month past due, provisions follow the
// stage, and a payment cures both the next morning.
func TestStoryOfABadLoan(t *testing.T) {
	t.Parallel()
	s := newStory(t, servicing.Product{
		Suspension: servicing.Suspension{AfterDays: 30, Reverse: true},
		Stages: []servicing.Stage{
			{Number: 1, RatePercent: amortization.MustDecimal("1")},
			{FromDays: 31, Number: 2, RatePercent: amortization.MustDecimal("20")},
			{FromDays: 91, Number: 3, RatePercent: amortization.MustDecimal("60")},
		},
	}, shortTerms(t))
	s.day("2026-03-20")
	s.day("2026-05-20")
	s.pay(servicing.Normal, 415_000, "2026-05-21", "2026-05-21")
	s.day("2026-06-01")
	s.do("charge off", "2026-06-10", servicing.ChargeOff{ID: s.id(), On: date(t, "2026-06-10")})
	s.pay(servicing.Normal, 50_000, "2026-06-11", "2026-06-11")
	s.do("write off", "2026-06-20", servicing.WriteOff{ID: s.id(), On: date(t, "2026-06-20")})
	s.pay(servicing.Normal, 1_000, "2026-06-21", "2026-06-21")
	s.pay(servicing.Recovery, 20_000, "2026-06-21", "2026-06-21")
	s.golden("bad_loan")
}

// Interest accrues daily and sums to that of the schedule; prepayments, a new
// plan with the arrears in it, a waiver, a chargeback and a promised payoff.
func TestStoryOfChanges(t *testing.T) {
	t.Parallel()
	s := newStory(t, servicing.Product{Accrual: servicing.Daily}, shortTerms(t))
	s.day("2026-01-17")
	first := date(t, "2026-02-15")
	s.pay(servicing.PrepayTerm, 203_529, "2026-02-15", "2026-02-15")
	s.do("charge a fee", "2026-02-16", servicing.Charge{
		ID: s.id(), On: first.AddDays(1), Component: amortization.PartFee, Amount: inr(2_500), Due: first.AddDays(10),
	})
	s.day("2026-03-17")
	s.do("waive interest", "2026-03-17", servicing.Waiver{
		ID: s.id(), On: date(t, "2026-03-17"), Component: amortization.PartInterest, Amount: inr(1_000),
	})
	s.do("new plan", "2026-03-20", servicing.Rescheduling{
		ID: s.id(), On: date(t, "2026-03-20"), Capitalise: true,
		Change: amortization.Rescheduling{Instalments: 8},
	})
	s.do("chargeback", "2026-03-25", servicing.Chargeback{
		ID: s.id(), By: servicing.ByBank, On: date(t, "2026-03-25"), Amount: inr(3_529),
	})
	quote := s.id()
	change, err := s.loan.QuotePayoff(quote, date(t, "2026-03-26"), date(t, "2026-04-05"), date(t, "2026-03-26"))
	s.tell("2026-03-26  quote good until 2026-04-05", change, err)
	total := s.loan.Quotes[0].Payoff.Total
	s.do("charge a penalty", "2026-03-28", servicing.Charge{
		ID: s.id(), On: date(t, "2026-03-28"), Component: amortization.PartPenalty, Amount: inr(700),
		Due: date(t, "2026-03-28"),
	})
	s.do("pay the quoted "+total.String(), "2026-04-04", servicing.Payment{
		ID: s.id(), Kind: servicing.Payoff, Amount: total, ValueDate: date(t, "2026-04-04"), QuoteID: quote,
	})
	s.golden("changes")
}
