package amortization_test

import (
	"encoding/json"
	"fmt"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

func on(year, month, day int) civil.Date {
	return amortization.AddMonths(civil.Date{Year: year, Month: 1, Day: day}, month-1, day)
}

// exampleTerms lend 20,000.00 INR over 24 months at 15 %.
func exampleTerms() amortization.Terms {
	return amortization.Terms{
		Principal:         money.New(2_000_000, money.MustCurrency("INR")),
		AnnualRatePercent: amortization.MustDecimal("15"),
		Instalments:       24,
		DisbursementDate:  on(2024, 4, 15),
	}
}

func exampleSchedule(terms amortization.Terms) *amortization.Schedule {
	s, err := amortization.New(terms)
	if err != nil {
		panic(err)
	}
	return s
}

// A loan in equal instalments: everything but four terms has a sound default.
func ExampleNew() {
	s, err := amortization.New(amortization.Terms{
		Principal:         money.New(2_000_000, money.MustCurrency("INR")),
		AnnualRatePercent: amortization.MustDecimal("15"),
		Instalments:       24,
		DisbursementDate:  on(2024, 4, 15),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	first := s.At(0)
	fmt.Println(first.Due, first.Principal, first.Interest, first.Total)
	fmt.Println("interest in all:", s.Totals.Interest)
	// Output:
	// 2024-05-15 719.73 INR 250.00 INR 969.73 INR
	// interest in all: 3273.58 INR
}

// Faults name the field and the rule, all of them at once.
func ExampleFaults() {
	terms := exampleTerms()
	terms.Instalments = 0
	terms.AnnualRatePercent = amortization.MustDecimal("-100")
	_, err := amortization.New(terms)
	for _, f := range amortization.Faults(err) {
		fmt.Println(f.Field, f.Rule)
	}
	// Output:
	// annual_rate_percent range
	// instalments range
}

// The figures that a borrower must be shown, with two fees deducted: the
// illustration of the Reserve Bank of India.
func ExampleDisclose() {
	terms := exampleTerms()
	terms.Fees = []amortization.Fee{
		{Name: "processing fee", Amount: money.New(24_000, money.MustCurrency("INR"))},
		{Name: "insurance", Amount: money.New(16_000, money.MustCurrency("INR")), Payee: amortization.ThirdParty},
	}
	facts, err := amortization.Disclose(exampleSchedule(terms))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("paid out", facts.NetDisbursed, "instalment", facts.Instalment)
	fmt.Println("APR", facts.APRPercent.Fixed(2), "effective", facts.EffectiveAnnualPercent.Fixed(2))
	// Output:
	// paid out 19600.00 INR instalment 969.73 INR
	// APR 17.07 effective 18.47
}

// Due on the last day of each month, moved to business days, interest by the
// actual days, the instalment in whole rupees.
func ExampleTerms_calendar() {
	terms := exampleTerms()
	terms.DisbursementDate = on(2024, 1, 31)
	terms.DayCount = amortization.ActualActualISDA
	terms.Calendar = &amortization.Calendar{Name: "weekends only"}
	terms.BusinessDayRule = amortization.ModifiedFollowing
	terms.Rounding.InstalmentUnit = amortization.MustDecimal("1")
	for i, row := range exampleSchedule(terms).All() {
		if i == 3 {
			break
		}
		fmt.Println(row.Due, row.Interest, row.Total)
	}
	// Output:
	// 2024-02-29 237.70 INR 969.00 INR
	// 2024-03-29 229.01 INR 969.00 INR
	// 2024-04-30 243.00 INR 969.00 INR
}

// Three months without principal and two without any payment, whose interest
// becomes principal.
func ExampleTerms_grace() {
	terms := exampleTerms()
	terms.Grace = amortization.Grace{Principal: 3, InterestPayment: 2, Capitalise: true}
	for i, row := range exampleSchedule(terms).All() {
		if i == 4 {
			break
		}
		fmt.Println(row.Number, "pays", row.Total, "owes", row.Closing)
	}
	// Output:
	// 1 pays 0.00 INR owes 20250.00 INR
	// 2 pays 0.00 INR owes 20503.12 INR
	// 3 pays 256.29 INR owes 20503.12 INR
	// 4 pays 1116.14 INR owes 19643.27 INR
}

// The interest earned by a day, and what pays the loan off.
func ExamplePayoff() {
	s := exampleSchedule(exampleTerms())
	day := on(2024, 5, 30)
	accrued, err := amortization.Accrued(s, day)
	if err != nil {
		fmt.Println(err)
		return
	}
	quote, err := amortization.Payoff(s, s.DueItems()[1:], day) // the first instalment is paid
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("earned so far", accrued)
	fmt.Println("pays off", quote.Total, "and a day later", quote.PerDiem, "more")
	// Output:
	// earned so far 370.50 INR
	// pays off 19400.77 INR and a day later 8.03 INR more
}

// A payment of 1,000.00 goes to interest and principal of the first instalment,
// and then to the interest of the second.
func ExampleAllocate() {
	s := exampleSchedule(exampleTerms())
	split, err := amortization.Allocate(money.New(100_000, money.MustCurrency("INR")), on(2024, 6, 15),
		s.DueItems(), amortization.Order{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, part := range split.Paid {
		fmt.Println(part.Number, "interest", part.Interest, "principal", part.Principal)
	}
	// Output:
	// 1 interest 250.00 INR principal 719.73 INR
	// 2 interest 30.27 INR principal 0.00 INR
}

// A prepayment of 5,000.00 makes the loan shorter, and the difference is exact.
func ExamplePrepay() {
	s := exampleSchedule(exampleTerms())
	r, err := amortization.Prepay(s, on(2024, 10, 15), money.New(500_000, money.MustCurrency("INR")),
		amortization.ReduceTerm)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("instalments", r.Difference.Instalments, "interest", r.Difference.Interest)
	fmt.Println("the next one", r.Difference.NextInstalmentAfter, "the last", r.Schedule.MaturityDate())
	// Output:
	// instalments -6 interest -1050.08 INR
	// the next one 969.73 INR the last 2025-10-15
}

// A loan with an index: the rate follows its fixings within floor and cap.
func ExampleIndexedRate() {
	floor, limit := amortization.MustDecimal("6"), amortization.MustDecimal("9")
	terms := exampleTerms()
	terms.AnnualRatePercent = amortization.Decimal{}
	terms.Index = &amortization.IndexedRate{
		MarginPercent: amortization.MustDecimal("2.5"), FloorPercent: &floor, CapPercent: &limit,
		Fixings: []amortization.RateStep{
			{From: on(2024, 1, 1), AnnualRatePercent: amortization.MustDecimal("4.25")},
			{From: on(2024, 6, 15), AnnualRatePercent: amortization.MustDecimal("7")},
		},
	}
	for i, row := range exampleSchedule(terms).All() {
		if i == 3 {
			break
		}
		fmt.Println(row.Due, row.Interest, row.Total)
	}
	// Output:
	// 2024-05-15 112.50 INR 893.19 INR
	// 2024-06-15 108.11 INR 893.19 INR
	// 2024-07-15 138.26 INR 912.08 INR
}

// The annual percentage rate of Regulation Z for any cash flows: Appendix J,
// example (c)(5)(i), a single payment after 255 days.
func ExampleRegulationZ() {
	dollars := money.MustCurrency("USD")
	apr, err := amortization.RegulationZ([]amortization.CashFlow{
		{Date: on(1978, 1, 3), Amount: money.New(100_000, dollars)},
		{Date: on(1978, 9, 15), Amount: money.New(-108_000, dollars)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(apr.Percent.Fixed(2), "by the unit-period of", apr.UnitPeriod)
	// Output: 11.45 by the unit-period of 255 days
}

// Terms travel as JSON, and the hash of a schedule names the agreement.
func ExampleSchedule_Hash() {
	offered := exampleSchedule(exampleTerms())
	data, err := json.Marshal(offered.Terms)
	if err != nil {
		fmt.Println(err)
		return
	}
	var accepted amortization.Terms
	if err := json.Unmarshal(data, &accepted); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(exampleSchedule(accepted).Hash() == offered.Hash())
	accepted.AnnualRatePercent = amortization.MustDecimal("15.01")
	fmt.Println(exampleSchedule(accepted).Hash() == offered.Hash())
	// Output:
	// true
	// false
}

// What can be lent to someone who can pay 500.00 a month.
func ExampleAffordable() {
	principal, err := amortization.Affordable(exampleTerms(), money.New(50_000, money.MustCurrency("INR")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(principal)
	// Output:
	// 10312.22 INR
}

// Terms as JSON: a fault names the field.
func ExampleDecodeTerms() {
	_, err := amortization.DecodeTerms([]byte(`{"principal":{"amount":"100","currency":"EUR"},"instalments":"ten"}`))
	for _, f := range amortization.Faults(err) {
		fmt.Println(f.Field, f.Rule)
	}
	// Output:
	// instalments syntax
}
