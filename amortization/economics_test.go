package amortization_test

import (
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// regularTerms draws a monthly annuity by 30/360 without fees.
func regularTerms(t *rapid.T) amortization.Terms {
	terms := drawTerms(t)
	terms.Principal = money.New(rapid.Int64Range(10_000_000, 10_000_000_000).Draw(t, "large"), terms.Principal.Currency())
	terms.Method, terms.Frequency, terms.DayCount = amortization.Annuity, amortization.Frequency{}, amortization.Thirty360
	terms.InterestBasis = amortization.ByPeriod
	terms.Instalments = rapid.IntRange(3, 60).Draw(t, "n")
	return terms
}

func mustNew(t *rapid.T, terms amortization.Terms) *amortization.Schedule {
	s, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAPRWithoutFeesIsTheNominalRate: the APR of a regular loan without fees is
// its nominal rate, but for what the rounding of amounts does.
func TestAPRWithoutFeesIsTheNominalRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := regularTerms(t)
		facts, err := amortization.Disclose(mustNew(t, terms))
		if err != nil {
			t.Fatal(err)
		}
		if !amortization.WithinTolerance(facts.APRExact, terms.AnnualRatePercent, true) ||
			facts.APRPercent.Round(1) != terms.AnnualRatePercent.Round(1) && !near(facts.APRExact, terms.AnnualRatePercent) {
			t.Fatalf("APR %s, nominal rate %s", facts.APRExact, terms.AnnualRatePercent)
		}
		if facts.EffectiveAnnualExact.Cmp(facts.APRExact) < 0 {
			t.Fatalf("effective rate %s below nominal %s", facts.EffectiveAnnualExact, facts.APRExact)
		}
	})
}

// near is a thousandth of a percentage point.
func near(a, b amortization.Decimal) bool {
	difference := new(apd.Decimal)
	if _, err := apd.BaseContext.WithPrecision(40).Sub(difference, a.Apd(), b.Apd()); err != nil {
		return false
	}
	difference.Negative = false
	return difference.Cmp(apd.New(1, -3)) <= 0
}

// TestInterestGrowsWithRateTermAndPrincipal raises one term at a time.
func TestInterestGrowsWithRateTermAndPrincipal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := regularTerms(t)
		terms.AnnualRatePercent = amortization.MustDecimal(rapid.SampledFrom([]string{"1", "7.5", "24"}).Draw(t, "someRate"))
		base := mustNew(t, terms).Totals.Interest.Minor()
		more := terms
		more.AnnualRatePercent = amortization.MustDecimal("36")
		if got := mustNew(t, more).Totals.Interest.Minor(); got <= base {
			t.Fatalf("at a higher rate interest %d, was %d", got, base)
		}
		more = terms
		more.Instalments++
		if got := mustNew(t, more).Totals.Interest.Minor(); got <= base {
			t.Fatalf("over a longer term interest %d, was %d", got, base)
		}
		more = terms
		more.Principal = money.New(2*terms.Principal.Minor(), terms.Principal.Currency())
		if got := mustNew(t, more).Totals.Interest.Minor(); got <= base {
			t.Fatalf("on more principal interest %d, was %d", got, base)
		}
	})
}

// TestInstalmentsAreEqualWithinThePolicy checks what each residual policy promises.
func TestInstalmentsAreEqualWithinThePolicy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := regularTerms(t)
		terms.Rounding.Residual = rapid.SampledFrom([]amortization.Residual{
			amortization.ResidualLast,
			amortization.ResidualFirst, amortization.ResidualSpread,
		}).Draw(t, "residual")
		unit := int64(1)
		if rapid.Bool().Draw(t, "whole") {
			terms.Rounding.InstalmentUnit, unit = amortization.MustDecimal("1"), 100
		}
		s := mustNew(t, terms)
		rows := rowsOf(s)
		n := len(rows)
		low, high := rows[n/2].Total.Minor(), rows[n/2].Total.Minor()
		for k, row := range rows {
			odd := k == n-1 || (k == 0 && terms.Rounding.Residual == amortization.ResidualFirst)
			if !odd {
				low, high = min(low, row.Total.Minor()), max(high, row.Total.Minor())
			}
		}
		spread := terms.Rounding.Residual == amortization.ResidualSpread
		if high-low > 0 && !spread || high-low > 2*unit {
			t.Fatalf("%s: instalments from %d to %d", terms.Rounding.Residual, low, high)
		}
		last := rows[n-1].Total.Minor() - rows[n/2].Total.Minor()
		if spread && (last > 2*unit || last < -2*unit) {
			t.Fatalf("spread leaves %d in the last instalment", last)
		}
	})
}

// TestPayoffClosesToZero pays some instalments, then the payoff: nothing is left.
func TestPayoffClosesToZero(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, err := amortization.New(anyTerms(t))
		if err != nil {
			return
		}
		paid := rapid.IntRange(0, s.Len()-1).Draw(t, "paid")
		row := s.At(paid)
		on := row.From.AddDays(rapid.IntRange(0, row.Due.DaysSince(row.From)).Draw(t, "on"))
		open := s.DueItems()[paid:]
		quote, err := amortization.Payoff(s, open, on)
		if err != nil {
			t.Fatal(err)
		}
		if quote.Total.Minor() != quote.Principal.Minor()+quote.Interest.Minor()+quote.Fees.Minor()+quote.Penalties.Minor() {
			t.Fatalf("quote does not add up: %+v", quote)
		}
		for i := range open { // what is owed on the day, and nothing more
			open[i].Interest, open[i].Fee = money.Zero(quote.Total.Currency()), money.Zero(quote.Total.Currency())
		}
		open[0].Interest, open[0].Fee = quote.Interest, quote.Fees
		split, err := amortization.Allocate(quote.Total, on, open, amortization.Order{})
		if err != nil {
			t.Fatal(err)
		}
		if split.Principal != quote.Principal || split.Interest != quote.Interest || !split.Remainder.IsZero() {
			t.Fatalf("quote %+v, split %+v", quote, split)
		}
	})
}

// TestOptionsThatMustDifferDiffer changes one option at a time.
func TestOptionsThatMustDifferDiffer(t *testing.T) {
	t.Parallel()
	base := amortization.Terms{
		Principal: inr(10_000_000), AnnualRatePercent: amortization.MustDecimal("13.75"), Instalments: 24,
		DisbursementDate: date(t, "2024-01-31"), FirstDueDate: date(t, "2024-03-15"),
	}
	changes := map[string]func(*amortization.Terms){
		"equal principal": func(t *amortization.Terms) { t.Method = amortization.EqualPrincipal },
		"flat":            func(t *amortization.Terms) { t.Method = amortization.Flat },
		"interest-only":   func(t *amortization.Terms) { t.Method = amortization.InterestOnly },
		"bullet":          func(t *amortization.Terms) { t.Method = amortization.Bullet },
		"compound bullet": func(t *amortization.Terms) { t.Method, t.CompoundInterest = amortization.Bullet, true },
		"balloon":         func(t *amortization.Terms) { t.Method, t.Balloon = amortization.Balloon, inr(2_000_000) },
		"graduated": func(t *amortization.Terms) {
			t.Method = amortization.Graduated
			t.Graduation = amortization.Graduation{StepPercent: amortization.MustDecimal("5"), Every: 6}
		},
		"rule of 78": func(t *amortization.Terms) { t.Method = amortization.RuleOf78 },
		"every two weeks": func(t *amortization.Terms) {
			t.Frequency = amortization.Frequency{Every: 2, Unit: amortization.Week}
		},
		"semi-monthly": func(t *amortization.Terms) { t.Frequency.Unit = amortization.SemiMonth },
		"by period":    func(t *amortization.Terms) { t.InterestBasis = amortization.ByPeriod },
		"Act/360":      func(t *amortization.Terms) { t.DayCount = amortization.Actual360 },
		"Act/365F":     func(t *amortization.Terms) { t.DayCount = amortization.Actual365Fixed },
		"Act/364":      func(t *amortization.Terms) { t.DayCount = amortization.Actual364 },
		"Act/Act ISDA": func(t *amortization.Terms) { t.DayCount = amortization.ActualActualISDA },
		"Act/Act AFB":  func(t *amortization.Terms) { t.DayCount = amortization.ActualActualAFB },
		"Act/Act ICMA": func(t *amortization.Terms) { t.DayCount = amortization.ActualActualICMA },
		"following": func(t *amortization.Terms) {
			t.Calendar, t.BusinessDayRule = &amortization.Calendar{}, amortization.Following
		},
		"preceding": func(t *amortization.Terms) {
			t.Calendar, t.BusinessDayRule = &amortization.Calendar{}, amortization.Preceding
		},
		"following, interest kept": func(t *amortization.Terms) {
			t.Calendar, t.BusinessDayRule, t.KeepInterestDates = &amortization.Calendar{}, amortization.Following, true
		},
		"broken period upfront": func(t *amortization.Terms) { t.BrokenPeriod = amortization.BrokenUpfront },
		"broken period first":   func(t *amortization.Terms) { t.BrokenPeriod = amortization.BrokenFirst },
		"broken period spread":  func(t *amortization.Terms) { t.BrokenPeriod = amortization.BrokenSpread },
		"grace of principal":    func(t *amortization.Terms) { t.Grace.Principal = 3 },
		"grace of payment":      func(t *amortization.Terms) { t.Grace.InterestPayment = 3 },
		"capitalising grace":    func(t *amortization.Terms) { t.Grace.InterestPayment, t.Grace.Capitalise = 3, true },
		"interest-free grace":   func(t *amortization.Terms) { t.Grace.InterestFree = 3 },
		"rate step": func(x *amortization.Terms) {
			x.RateSteps = []amortization.RateStep{{
				From:              date(t, "2025-01-01"),
				AnnualRatePercent: amortization.MustDecimal("9"),
			}}
		},
		"rate step, level": func(x *amortization.Terms) {
			x.RateSteps = []amortization.RateStep{{
				From:              date(t, "2025-01-01"),
				AnnualRatePercent: amortization.MustDecimal("9"),
			}}
			x.ChangePolicy = amortization.Level
		},
		"tranche": func(x *amortization.Terms) {
			x.Tranches = []amortization.Tranche{{Date: date(t, "2024-06-01"), Amount: inr(1_000_000)}}
		},
		"tranche, level": func(x *amortization.Terms) {
			x.Tranches = []amortization.Tranche{{Date: date(t, "2024-06-01"), Amount: inr(1_000_000)}}
			x.ChangePolicy = amortization.Level
		},
		"interest-free window": func(x *amortization.Terms) {
			x.Windows = []amortization.Window{{
				From: date(t, "2024-06-01"), To: date(t, "2024-07-01"),
				Kind: amortization.InterestFreeWindow,
			}}
		},
		"paused window": func(x *amortization.Terms) {
			x.Windows = []amortization.Window{{
				From: date(t, "2024-06-01"), To: date(t, "2024-07-01"),
				Kind: amortization.PausedWindow,
			}}
		},
		"down payment":   func(t *amortization.Terms) { t.DownPaymentPercent = amortization.MustDecimal("10") },
		"whole rupees":   func(t *amortization.Terms) { t.Rounding.InstalmentUnit = amortization.MustDecimal("1") },
		"residual first": func(t *amortization.Terms) { t.Rounding.Residual = amortization.ResidualFirst },
		"rounded down":   func(t *amortization.Terms) { t.Rounding.InstalmentMode = money.Down },
		"interest down":  func(t *amortization.Terms) { t.Rounding.Mode = money.Down },
		"interest unit":  func(t *amortization.Terms) { t.Rounding.InterestUnit = amortization.MustDecimal("0.05") },
	}
	seen := map[string]string{signature(build(t, base)): "the base"}
	for name, change := range changes {
		terms := base
		change(&terms)
		got := signature(build(t, terms))
		if before, same := seen[got]; same {
			t.Errorf("%s gives the rows of %s", name, before)
		}
		seen[got] = name
	}
}

// signature writes the rows without the terms.
func signature(s *amortization.Schedule) string {
	text := s.Totals.UpfrontInterest.Text()
	for _, row := range s.All() {
		text += row.Due.String() + row.Principal.Text() + row.Interest.Text() + row.Earned.Text()
	}
	return text
}
