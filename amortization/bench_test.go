package amortization_test

import (
	"sync"
	"testing"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

func mortgage() amortization.Terms {
	return amortization.Terms{
		Principal:         money.New(25_000_000, money.MustCurrency("USD")),
		AnnualRatePercent: amortization.MustDecimal("6.375"), Instalments: 360,
		DisbursementDate: civil.Date{Year: 2024, Month: 1, Day: 15},
	}
}

// holidays is a calendar of ten fixed holidays a year for thirty years.
func holidays() *amortization.Calendar {
	c := &amortization.Calendar{Name: "fixed holidays"}
	for year := 2024; year < 2055; year++ {
		for _, d := range [][2]int{{1, 1}, {1, 26}, {4, 14}, {5, 1}, {6, 19}, {7, 4}, {8, 15}, {10, 2}, {11, 11}, {12, 25}} {
			day := civil.Date{Year: year, Month: 1, Day: d[1]}
			c.Holidays = append(c.Holidays, amortization.AddMonths(day, d[0]-1, d[1]))
		}
	}
	return c
}

func benchmarkTerms(b *testing.B, terms amortization.Terms,
	build func(amortization.Terms) (*amortization.Schedule, error),
) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := build(terms); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareLoop360 is the least that 360 rows of integers take: the measure
// for the others on a busy machine.
func BenchmarkBareLoop360(b *testing.B) {
	for b.Loop() {
		balance := int64(25_000_000)
		for range 360 {
			interest := (balance*6_375 + 600_000) / 1_200_000
			balance -= 155_967 - interest
		}
		if balance > 155_967 {
			b.Fatal(balance)
		}
	}
}

func BenchmarkAnnuity360(b *testing.B) { benchmarkTerms(b, mortgage(), amortization.New) }

func BenchmarkAnnuity360Reference(b *testing.B) {
	benchmarkTerms(b, mortgage(), amortization.NewReference)
}

// BenchmarkAnnuity360Rebuild uses the memory of the schedule before.
func BenchmarkAnnuity360Rebuild(b *testing.B) {
	var s amortization.Schedule
	benchmarkTerms(b, mortgage(), func(t amortization.Terms) (*amortization.Schedule, error) { return &s, s.Rebuild(t) })
}

func BenchmarkActualISDAWithHolidays360(b *testing.B) {
	terms := mortgage()
	terms.DayCount, terms.Calendar, terms.BusinessDayRule = amortization.ActualActualISDA, holidays(),
		amortization.ModifiedFollowing
	benchmarkTerms(b, terms, amortization.New)
}

func BenchmarkAPROfIrregularLoan360(b *testing.B) {
	terms := mortgage()
	terms.DayCount, terms.Calendar, terms.BusinessDayRule = amortization.Actual365Fixed, holidays(), amortization.Following
	terms.FirstDueDate = civil.Date{Year: 2024, Month: 2, Day: 12}
	s, err := amortization.New(terms)
	if err != nil {
		b.Fatal(err)
	}
	flows := s.CashFlows()
	b.Run("regulation Z", func(b *testing.B) {
		for b.Loop() {
			if _, err := amortization.RegulationZ(flows); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("XIRR", func(b *testing.B) {
		for b.Loop() {
			if _, err := amortization.XIRR(flows); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("disclose", func(b *testing.B) {
		for b.Loop() {
			if _, err := amortization.Disclose(s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReamortizeAfterPrepaymentAtRow180(b *testing.B) {
	s, err := amortization.New(mortgage())
	if err != nil {
		b.Fatal(err)
	}
	on, paid := s.At(179).Due, money.New(1_000_000, money.MustCurrency("USD"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := amortization.Prepay(s, on, paid, amortization.ReduceInstalment); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMillionSchedulesOf36 builds a million schedules of 36 instalments in
// two goroutines; the time of one operation is that of the million.
func BenchmarkMillionSchedulesOf36(b *testing.B) {
	for b.Loop() {
		var group sync.WaitGroup
		for worker := range 2 {
			group.Go(func() {
				var s amortization.Schedule
				terms := mortgage()
				terms.Instalments = 36
				for i := range 500_000 {
					terms.Principal = money.New(int64(1_000_000+2*i+worker), terms.Principal.Currency())
					if err := s.Rebuild(terms); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
	}
}
