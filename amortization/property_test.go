package amortization_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// TestFastPathEqualsReference holds the integer path to the 34-digit decimal
// path, row for row, over every option.
func TestFastPathEqualsReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := anyTerms(t)
		if rapid.Bool().Draw(t, "plain") { // the terms for which there is the fastest path
			terms = drawTerms(t)
			terms.Method, terms.Frequency.Unit = amortization.Annuity, amortization.Month
		}
		fast, fastErr := amortization.New(terms)
		reference, referenceErr := amortization.NewReference(terms)
		if (fastErr == nil) != (referenceErr == nil) || (fastErr != nil && fastErr.Error() != referenceErr.Error()) {
			t.Fatalf("fast path: %v, reference: %v", fastErr, referenceErr)
		}
		if fast == nil || fast.Hash() == reference.Hash() {
			return
		}
		for i := range min(fast.Len(), reference.Len()) {
			if diff := cmp.Diff(reference.At(i), fast.At(i)); diff != "" {
				t.Fatalf("row %d differs (-reference +fast):\n%s", i+1, diff)
			}
		}
		t.Fatalf("%d rows, reference %d", fast.Len(), reference.Len())
	})
}

// TestEveryScheduleIsSound checks what holds for every schedule that is built,
// and that the rest is refused with typed faults.
func TestEveryScheduleIsSound(t *testing.T) {
	t.Parallel()
	built := 0
	rapid.Check(t, func(t *rapid.T) {
		terms := anyTerms(t)
		s, err := amortization.New(terms)
		if err != nil {
			if len(amortization.Faults(err)) == 0 {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		built++
		checkSound(t, s)
	})
	if built == 0 {
		t.Error("no schedule was built")
	}
}

func checkSound(t *rapid.T, s *amortization.Schedule) {
	terms := &s.Terms
	rows := rowsOf(s)
	regular := len(rows)
	if rows[0].Kind == amortization.DownPayment {
		regular--
	}
	if terms.Method != amortization.FixedInstalment && regular != terms.Instalments {
		t.Fatalf("%d instalments, agreed %d", regular, terms.Instalments)
	}
	var sum struct{ principal, interest, earned, fees, drawn, capitalised int64 }
	balance := rows[0].Opening.Minor()
	for i := range rows {
		row := &rows[i]
		for _, part := range []money.Amount{
			row.Principal, row.Interest, row.Earned, row.Fees, row.Total, row.Opening,
			row.Closing, row.Disbursed, row.Capitalised,
		} {
			if part.IsNegative() {
				t.Fatalf("row %d has the negative amount %s", row.Number, part)
			}
		}
		if row.Number != i+1 || row.Opening.Minor() != balance {
			t.Fatalf("row %d: number %d, opening %s, balance before %d", i+1, row.Number, row.Opening, balance)
		}
		balance += row.Disbursed.Minor() + row.Capitalised.Minor() - row.Principal.Minor()
		if row.Closing.Minor() != balance ||
			row.Total.Minor() != row.Principal.Minor()+row.Interest.Minor()+row.Fees.Minor() {
			t.Fatalf("row %d does not add up", row.Number)
		}
		sum.principal += row.Principal.Minor()
		sum.interest += row.Interest.Minor()
		sum.earned += row.Earned.Minor()
		sum.fees += row.Fees.Minor()
		sum.drawn += row.Disbursed.Minor()
		sum.capitalised += row.Capitalised.Minor()
	}
	switch {
	case balance != 0:
		t.Fatalf("last closing balance %d", balance)
	case rows[0].Opening.Minor()+sum.drawn != terms.Principal.Minor():
		t.Fatalf("disbursed %d, principal %s", rows[0].Opening.Minor()+sum.drawn, terms.Principal)
	case sum.principal != terms.Principal.Minor()+sum.capitalised:
		t.Fatalf("repaid %d, disbursed %s and capitalised %d", sum.principal, terms.Principal, sum.capitalised)
	case sum.earned != sum.interest+sum.capitalised:
		t.Fatalf("earned %d, charged %d and capitalised %d", sum.earned, sum.interest, sum.capitalised)
	case s.Totals.Interest.Minor() != sum.interest || s.Totals.Fees.Minor() != sum.fees:
		t.Fatalf("totals %+v, sums %+v", s.Totals, sum)
	}
}

// TestSchedulesSurviveJSON checks that terms and schedules travel unchanged,
// and that the hash names them.
func TestSchedulesSurviveJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, err := amortization.New(anyTerms(t))
		if err != nil {
			return
		}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back amortization.Schedule
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		rebuilt, err := amortization.New(back.Terms)
		if err != nil {
			t.Fatal(err)
		}
		if back.Hash() != s.Hash() || rebuilt.Hash() != s.Hash() {
			t.Fatalf("hash %s, after JSON %s, rebuilt %s", s.Hash(), back.Hash(), rebuilt.Hash())
		}
	})
}

// TestAccrualIsTheIntegralOfTheSchedule checks that accrual never falls, and is
// the interest earned on every due date.
func TestAccrualIsTheIntegralOfTheSchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, err := amortization.New(anyTerms(t))
		if err != nil {
			return
		}
		earned, before := int64(0), int64(0)
		for _, row := range s.All() {
			for range 3 {
				day := row.From.AddDays(rapid.IntRange(0, row.Due.DaysSince(row.From)).Draw(t, "day"))
				accrued, err := amortization.Accrued(s, day)
				if err != nil {
					t.Fatal(err)
				}
				if accrued.Minor() < earned || accrued.Minor() > earned+row.Earned.Minor() {
					t.Fatalf("accrued %s on %s of row %d, outside its period", accrued, day, row.Number)
				}
			}
			earned += row.Earned.Minor()
			accrued, err := amortization.Accrued(s, row.Due)
			if err != nil {
				t.Fatal(err)
			}
			if accrued.Minor() != earned || accrued.Minor() < before {
				t.Fatalf("accrued %s on due date %s, earned %d", accrued, row.Due, earned)
			}
			before = accrued.Minor()
		}
	})
}
