package amortization_test

import (
	"flag"
	"math/big"
	"testing"

	"cloud.google.com/go/civil"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
)

// This reference is written from the textbook formulas in math/big.Rat, and
// knows nothing of the engine: it has its own dates, day counts and rounding
// (half-even, to the minor unit).

// referenceChecks is the number of random terms; the long run takes 100,000.
var referenceChecks = flag.Int("reference.checks", 5_000, "random terms compared with the rational reference")

type ratRow struct{ principal, interest int64 }

func rat(num, den int64) *big.Rat { return big.NewRat(num, den) }

// ratRound rounds half-even.
func ratRound(x *big.Rat) int64 {
	twice := new(big.Int).Mul(x.Num(), big.NewInt(2))
	twice.Add(twice, x.Denom())
	den := new(big.Int).Mul(x.Denom(), big.NewInt(2))
	quotient, rest := new(big.Int).DivMod(twice, den, new(big.Int)) // floor(x + 1/2)
	if rest.Sign() == 0 && quotient.Bit(0) == 1 {
		quotient.Sub(quotient, big.NewInt(1))
	}
	return quotient.Int64()
}

// ratYears is the part of a year between two dates.
func ratYears(dc amortization.DayCount, from, to civil.Date) *big.Rat {
	switch dc {
	case amortization.Actual360:
		return rat(int64(to.DaysSince(from)), 360)
	case amortization.Actual365Fixed:
		return rat(int64(to.DaysSince(from)), 365)
	case amortization.ActualActualISDA:
		sum := new(big.Rat)
		for day := from; day.Before(to); day = day.AddDays(1) {
			length := int64(civil.Date{Year: day.Year, Month: 12, Day: 31}.DaysSince(civil.Date{
				Year:  day.Year,
				Month: 1, Day: 1,
			}) + 1)
			sum.Add(sum, rat(1, length))
		}
		return sum
	}
	d1, d2 := min(from.Day, 30), to.Day // the bond basis
	if d1 == 30 && d2 == 31 {
		d2 = 30
	}
	return rat(int64(360*(to.Year-from.Year)+30*(int(to.Month)-int(from.Month))+d2-d1), 360)
}

// ratDue is the k-th due date, monthly on the day of disbursement or the last
// day of a shorter month.
func ratDue(start civil.Date, months int) civil.Date {
	first := civil.Date{Year: start.Year, Month: start.Month, Day: 1}
	for range months {
		first = first.AddDays(31)
		first.Day = 1
	}
	next := first.AddDays(31)
	next.Day = 1
	return first.AddDays(min(start.Day, next.DaysSince(first)) - 1)
}

// ratFactors are rate × part of a year of each period.
func ratFactors(t amortization.Terms, dc amortization.DayCount) []*big.Rat {
	rate, _ := new(big.Rat).SetString(t.AnnualRatePercent.String())
	rate.Quo(rate, rat(100, 1))
	factors := make([]*big.Rat, t.Instalments)
	from := t.DisbursementDate
	for k := range factors {
		due := ratDue(t.DisbursementDate, (k+1)*t.Frequency.Every)
		factors[k] = new(big.Rat).Mul(rate, ratYears(dc, from, due))
		from = due
	}
	return factors
}

// ratLevel is the payment whose value, discounted period by period, is the principal.
func ratLevel(principal int64, balloon int64, factors []*big.Rat) *big.Rat {
	discount, sum := rat(1, 1), new(big.Rat)
	for _, f := range factors {
		discount = new(big.Rat).Quo(discount, new(big.Rat).Add(rat(1, 1), f))
		sum.Add(sum, discount)
	}
	owed := rat(principal, 1)
	owed.Sub(owed, new(big.Rat).Mul(rat(balloon, 1), discount))
	return owed.Quo(owed, sum)
}

// ratSchedule lays out the rows of the textbook; ok is false where the engine
// is to refuse.
func ratSchedule(t amortization.Terms, factors []*big.Rat) (rows []ratRow, ok bool) {
	n, balance := len(factors), t.Principal.Minor()
	total := new(big.Rat)
	for _, f := range factors {
		total.Add(total, new(big.Rat).Mul(f, rat(balance, 1)))
	}
	level, whole := int64(0), ratRound(total)
	switch t.Method {
	case amortization.Annuity, amortization.RuleOf78:
		level = ratRound(ratLevel(balance, 0, factors))
	case amortization.Balloon:
		level = ratRound(ratLevel(balance, t.Balloon.Minor(), factors))
	case amortization.Flat:
		level = ratRound(rat(balance+whole, int64(n)))
	}
	share, charged := ratRound(rat(balance, int64(n))), int64(0)
	for k, f := range factors {
		interest := ratRound(new(big.Rat).Mul(f, rat(balance, 1)))
		principal := level - interest
		switch t.Method {
		case amortization.EqualPrincipal:
			principal = share
		case amortization.InterestOnly:
			principal = 0
		case amortization.Bullet:
			principal, interest = 0, 0
			if k == n-1 {
				interest = whole
			}
		case amortization.Flat:
			interest = ratRound(rat(whole*int64(k+1), int64(n))) - charged
			principal = level - interest
		case amortization.RuleOf78:
			charge := level*int64(n) - t.Principal.Minor()
			if charge < 0 {
				return nil, false
			}
			left := int64(n - k - 1)
			interest = charge - ratRound(rat(charge*left*(left+1), int64(n)*int64(n+1))) - charged
			principal = level - interest
		}
		if k == n-1 {
			principal = balance
		} else if principal < 0 || principal >= balance {
			return nil, false
		}
		rows = append(rows, ratRow{principal, interest})
		balance -= principal
		charged += interest
	}
	return rows, true
}

// TestAgainstRationalReference compares the engine with the reference: every
// row and every total exactly.
func TestAgainstRationalReference(t *testing.T) {
	t.Parallel()
	if *referenceChecks < 1 {
		t.Fatal("no terms to compare")
	}
	compared := 0
	generate := rapid.Custom(referenceTerms)
	for seed := range *referenceChecks {
		if compareWithReference(t, generate.Example(seed)) {
			compared++
		}
	}
	t.Logf("compared %d schedules of %d", compared, *referenceChecks)
	if compared < *referenceChecks*9/10 {
		t.Errorf("only %d of %d terms gave schedules", compared, *referenceChecks)
	}
}

func referenceTerms(t *rapid.T) amortization.Terms {
	principal := rapid.Int64Range(50_000, 5_000_000_000).Draw(t, "principal")
	terms := amortization.Terms{
		Principal:         inr(principal),
		AnnualRatePercent: amortization.MustDecimal(rapid.StringMatching(`[0-3]?[0-9](\.[0-9]{1,4})?`).Draw(t, "rate")),
		Method: rapid.SampledFrom([]amortization.Method{
			amortization.Annuity, amortization.EqualPrincipal, amortization.Flat,
			amortization.InterestOnly, amortization.Bullet, amortization.Balloon, amortization.RuleOf78,
		}).Draw(t, "method"),
		Instalments:      rapid.IntRange(1, 60).Draw(t, "instalments"),
		Frequency:        amortization.Frequency{Every: rapid.IntRange(1, 3).Draw(t, "every"), Unit: amortization.Month},
		DisbursementDate: civil.Date{Year: 2023, Month: 1, Day: 1}.AddDays(rapid.IntRange(0, 1500).Draw(t, "day")),
		DayCount: rapid.SampledFrom([]amortization.DayCount{
			amortization.Thirty360, amortization.Actual360,
			amortization.Actual365Fixed, amortization.ActualActualISDA,
		}).Draw(t, "dayCount"),
	}
	if terms.Method == amortization.Balloon {
		terms.Balloon = inr(principal / 4)
	}
	return terms
}

func compareWithReference(t *testing.T, terms amortization.Terms) bool {
	t.Helper()
	want, ok := ratSchedule(terms, ratFactors(terms, terms.DayCount))
	s, err := amortization.New(terms)
	if (err == nil) != ok {
		t.Fatalf("engine: %v, reference gives rows: %t, terms %+v", err, ok, terms)
	}
	if !ok {
		return false
	}
	var sum ratRow
	for k, row := range s.All() {
		if got := (ratRow{row.Principal.Minor(), row.Interest.Minor()}); got != want[k] {
			t.Fatalf("row %d is %+v, reference %+v, terms %+v", k+1, got, want[k], terms)
		}
		if due := ratDue(terms.DisbursementDate, (k+1)*terms.Frequency.Every); row.Due != due {
			t.Fatalf("row %d due %s, reference %s", k+1, row.Due, due)
		}
		sum.principal += want[k].principal
		sum.interest += want[k].interest
	}
	if got := (ratRow{s.Totals.Principal.Minor(), s.Totals.Interest.Minor()}); got != sum {
		t.Fatalf("totals %+v, reference %+v", got, sum)
	}
	return true
}
