package amortization_test

import (
	"fmt"

	"cloud.google.com/go/civil"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// anyTerms draws terms over every option. Most are valid; the rest must be
// refused with typed faults.
func anyTerms(t *rapid.T) amortization.Terms {
	currency := money.MustCurrency(rapid.SampledFrom([]string{"INR", "JPY", "KWD", "EUR"}).Draw(t, "currency"))
	terms := amortization.Terms{
		Principal:         money.New(rapid.Int64Range(1_000, 50_000_000_000).Draw(t, "principal"), currency),
		AnnualRatePercent: anyRate(t, "rate"),
		Method:            rapid.SampledFrom(amortization.Methods()).Draw(t, "method"),
		Instalments:       rapid.IntRange(1, 60).Draw(t, "instalments"),
		Frequency:         anyFrequency(t),
		DisbursementDate:  civil.Date{Year: 2023, Month: 1, Day: 1}.AddDays(rapid.IntRange(0, 800).Draw(t, "day")),
		DayCount:          rapid.SampledFrom(append(amortization.DayCounts(), "", "", "")).Draw(t, "dayCount"),
		InterestBasis: rapid.SampledFrom([]amortization.InterestBasis{
			"", amortization.ByDayCount,
			amortization.ByPeriod,
		}).Draw(t, "basis"),
		MonthEnd: rapid.SampledFrom([]amortization.MonthEnd{
			"", amortization.Clamp,
			amortization.Roll,
		}).Draw(t, "monthEnd"),
		ChangePolicy: rapid.SampledFrom([]amortization.ChangePolicy{"", amortization.Level}).Draw(t, "change"),
	}
	if rapid.IntRange(0, 2).Draw(t, "odd") == 0 {
		terms.FirstDueDate = terms.DisbursementDate.AddDays(rapid.IntRange(1, 80).Draw(t, "first"))
		terms.BrokenPeriod = rapid.SampledFrom([]amortization.BrokenPeriod{
			"", amortization.BrokenUpfront,
			amortization.BrokenFirst, amortization.BrokenSpread,
		}).Draw(t, "broken")
	}
	if terms.DayCount == amortization.Bus252 || rapid.IntRange(0, 3).Draw(t, "calendar") == 0 {
		anyCalendar(t, &terms)
	}
	anyRounding(t, &terms)
	anyMethodTerms(t, &terms)
	anyRelief(t, &terms)
	anyChanges(t, &terms)
	anyFees(t, &terms)
	return terms
}

func anyRate(t *rapid.T, name string) amortization.Decimal {
	return amortization.MustDecimal(rapid.StringMatching(`[0-9]{1,2}(\.[0-9]{1,5})?`).Draw(t, name))
}

func anyFrequency(t *rapid.T) amortization.Frequency {
	units := []amortization.Unit{
		"", amortization.Day, amortization.Week, amortization.Month, amortization.Month,
		amortization.Year, amortization.SemiMonth,
	}
	f := amortization.Frequency{Unit: rapid.SampledFrom(units).Draw(t, "unit")}
	switch f.Unit {
	case amortization.SemiMonth:
	case "", amortization.Month:
		if rapid.IntRange(0, 4).Draw(t, "several") == 0 {
			f.DaysOfMonth = [][]int{{5, 20}, {1, 11, 21}, {15, 31}}[rapid.IntRange(0, 2).Draw(t, "days")]
			break
		}
		f.Every = rapid.IntRange(0, 4).Draw(t, "every")
	default:
		f.Every = rapid.IntRange(0, 20).Draw(t, "every")
	}
	return f
}

func anyCalendar(t *rapid.T, terms *amortization.Terms) {
	calendar := &amortization.Calendar{Name: "drawn"}
	for i := range rapid.IntRange(0, 20).Draw(t, "holidays") {
		calendar.Holidays = append(calendar.Holidays,
			terms.DisbursementDate.AddDays(rapid.IntRange(1, 900).Draw(t, fmt.Sprint("holiday", i))))
	}
	terms.Calendar = calendar
	terms.BusinessDayRule = rapid.SampledFrom([]amortization.BusinessDayRule{
		"", amortization.Following,
		amortization.ModifiedFollowing, amortization.Preceding,
	}).Draw(t, "rule")
	terms.KeepInterestDates = rapid.Bool().Draw(t, "keep")
}

func anyRounding(t *rapid.T, terms *amortization.Terms) {
	modes := []money.Rounding{
		"", "", money.HalfEven, money.HalfUp, money.HalfDown, money.Up, money.Down, money.Ceiling,
		money.Floor,
	}
	terms.Rounding = amortization.Rounding{
		Mode:           rapid.SampledFrom(modes).Draw(t, "mode"),
		InstalmentMode: rapid.SampledFrom(modes).Draw(t, "instalmentMode"),
		Residual: rapid.SampledFrom([]amortization.Residual{
			"", "", amortization.ResidualFirst,
			amortization.ResidualSpread,
		}).Draw(t, "residual"),
	}
	if rapid.IntRange(0, 3).Draw(t, "coarse") == 0 {
		terms.Rounding.InstalmentUnit = amortization.MustDecimal("1")
	}
	if rapid.IntRange(0, 5).Draw(t, "digits") == 0 {
		terms.Rounding.Precision = rapid.IntRange(12, 34).Draw(t, "precision")
	}
}

func anyMethodTerms(t *rapid.T, terms *amortization.Terms) {
	principal, currency := terms.Principal.Minor(), terms.Principal.Currency()
	switch terms.Method {
	case amortization.Balloon:
		terms.Balloon = money.New(rapid.Int64Range(1, principal-1).Draw(t, "balloon"), currency)
	case amortization.Graduated:
		terms.Graduation = amortization.Graduation{StepPercent: anyRate(t, "step"), Every: rapid.IntRange(1,
			24).Draw(t, "stepEvery")}
	case amortization.FixedInstalment:
		terms.Instalments = 0
		terms.Instalment = money.New(rapid.Int64Range(max(1, principal/50), principal).Draw(t, "instalment"), currency)
	case amortization.PrincipalPlan:
		left := principal
		for k := range terms.Instalments {
			part := rapid.Int64Range(0, left).Draw(t, "part")
			if k == terms.Instalments-1 {
				part = left
			}
			terms.PrincipalPlan = append(terms.PrincipalPlan, money.New(part, currency))
			left -= part
		}
	case amortization.Bullet:
		terms.CompoundInterest = rapid.Bool().Draw(t, "compound")
	case amortization.Annuity:
		terms.AllowNegativeAmortization = rapid.IntRange(0, 4).Draw(t, "negative") == 0
	}
}

func anyRelief(t *rapid.T, terms *amortization.Terms) {
	if terms.Instalments > 2 && rapid.IntRange(0, 3).Draw(t, "relief") == 0 {
		terms.Grace = amortization.Grace{
			Principal:       rapid.IntRange(0, terms.Instalments-1).Draw(t, "gracePrincipal"),
			InterestPayment: rapid.IntRange(0, terms.Instalments-1).Draw(t, "gracePayment"),
			InterestFree:    rapid.IntRange(0, terms.Instalments-1).Draw(t, "graceFree"),
		}
		terms.Grace.Capitalise = terms.Grace.InterestPayment > 0 && rapid.Bool().Draw(t, "capitalise")
	}
	if rapid.IntRange(0, 4).Draw(t, "window") == 0 {
		from := terms.DisbursementDate.AddDays(rapid.IntRange(0, 300).Draw(t, "windowFrom"))
		terms.Windows = append(terms.Windows, amortization.Window{
			From: from, To: from.AddDays(rapid.IntRange(1, 200).Draw(t, "windowDays")),
			Kind: rapid.SampledFrom([]amortization.WindowKind{
				amortization.InterestFreeWindow,
				amortization.PausedWindow,
			}).Draw(t, "windowKind"),
		})
	}
}

func anyChanges(t *rapid.T, terms *amortization.Terms) {
	switch rapid.IntRange(0, 6).Draw(t, "changes") {
	case 0:
		from := terms.DisbursementDate
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			from = from.AddDays(rapid.IntRange(1, 400).Draw(t, "stepDays"))
			terms.RateSteps = append(terms.RateSteps, amortization.RateStep{
				From:              from,
				AnnualRatePercent: anyRate(t, "stepRate"),
			})
		}
	case 1:
		floor, limit := amortization.MustDecimal("2"), amortization.MustDecimal("18.5")
		terms.AnnualRatePercent = amortization.Decimal{}
		terms.Index = &amortization.IndexedRate{
			MarginPercent: anyRate(t, "margin"), FloorPercent: &floor, CapPercent: &limit,
			Fixings: []amortization.RateStep{
				{From: terms.DisbursementDate, AnnualRatePercent: anyRate(t, "fixing")},
				{From: terms.DisbursementDate.AddDays(200), AnnualRatePercent: anyRate(t, "fixing")},
			},
		}
	case 2:
		day := terms.DisbursementDate
		for range rapid.IntRange(1, 3).Draw(t, "tranches") {
			day = day.AddDays(rapid.IntRange(1, 60).Draw(t, "trancheDays"))
			terms.Tranches = append(terms.Tranches, amortization.Tranche{
				Date:   day,
				Amount: money.New(terms.Principal.Minor()/5, terms.Principal.Currency()),
			})
		}
	case 3:
		terms.DownPaymentPercent = anyRate(t, "down")
	}
}

func anyFees(t *rapid.T, terms *amortization.Terms) {
	for i := range rapid.IntRange(0, 2).Draw(t, "fees") {
		fee := amortization.Fee{
			Name: fmt.Sprint("fee ", i), Percent: amortization.MustDecimal(rapid.SampledFrom([]string{
				"0.5",
				"1.25", "2",
			}).Draw(t, "feePercent")),
			When: rapid.SampledFrom([]amortization.FeeTiming{
				"", amortization.EachInstalment,
				amortization.OnDate,
			}).Draw(t, "feeWhen"),
		}
		switch fee.When {
		case amortization.OnDate:
			fee.Due = terms.DisbursementDate.AddDays(rapid.IntRange(0, 30).Draw(t, "feeDay"))
		case amortization.EachInstalment:
			fee.Basis = rapid.SampledFrom([]amortization.FeeBasis{"", amortization.OfInstalment}).Draw(t, "feeBasis")
			fee.TaxPercent = amortization.MustDecimal("18")
		}
		terms.Fees = append(terms.Fees, fee)
	}
}
