// Package engine measures the amortization library by itself: schedules,
// changes to them, and annual percentage rates.
//
// It must not need a database, a broker or a network.
package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"cloud.google.com/go/civil"
	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/money"
)

// Scenarios lists what this package measures.
func Scenarios() []harness.Scenario {
	return []harness.Scenario{
		{
			Name: "schedule", What: "a schedule's cost: 360 months, with a calendar, after a change, by length, by the million",
			Run: runSchedule,
		},
		{
			Name: "apr", What: "an annual percentage rate's cost: Regulation Z, European Union, XIRR, on 360 irregular rows",
			Run: runAPR,
		},
	}
}

const (
	longTerm   = 360
	shortTerm  = 36
	variety    = 256
	manyLoans  = 1_000_000
	changedRow = 180
	// oddFirstPeriod is in days.
	oddFirstPeriod = 40
)

// Nominal rates in thousandths of a percent. They are low enough for long
// loans: an instalment has to cover the interest of the longest period.
const (
	rateFrom     = 2_000
	rateTo       = 7_000
	rateToOddDay = 4_000
)

// terms returns different loans of one length, so that no answer can be kept
// from the call before. Rates are below the given one.
func terms(seed uint64, instalments int, below int64) []amortization.Terms {
	random := rand.New(rand.NewPCG(seed, uint64(instalments))) //nolint:gosec // repeatable, not secret
	list := make([]amortization.Terms, variety)
	for i := range list {
		rate, err := amortization.NewDecimal(rateFrom+random.Int64N(below-rateFrom), 3)
		if err != nil {
			panic(err) // three decimals are a plain decimal
		}
		list[i] = amortization.Terms{
			Principal:         money.New(1_000_000+random.Int64N(100_000_000), money.MustCurrency("USD")),
			AnnualRatePercent: rate, Instalments: instalments,
			DisbursementDate: civil.Date{
				Year: 2024 + random.IntN(3), Month: time.January + time.Month(random.IntN(12)), Day: 1 + random.IntN(28),
			},
		}
	}
	return list
}

// withCalendar makes terms of real days, with weekends and holidays.
func withCalendar(list []amortization.Terms) []amortization.Terms {
	holidays := []civil.Date{}
	for year := 2024; year < 2060; year++ {
		holidays = append(holidays,
			civil.Date{Year: year, Month: 1, Day: 1}, civil.Date{Year: year, Month: 5, Day: 1},
			civil.Date{Year: year, Month: 12, Day: 25}, civil.Date{Year: year, Month: 12, Day: 26})
	}
	calendar := &amortization.Calendar{
		Name: "weekends and four holidays", Weekend: []time.Weekday{time.Saturday, time.Sunday}, Holidays: holidays,
	}
	for i := range list {
		list[i].DayCount = amortization.ActualActualISDA
		list[i].Calendar, list[i].BusinessDayRule = calendar, amortization.ModifiedFollowing
	}
	return list
}

// whole holds that a schedule repays its principal and ends at zero.
func whole(s *amortization.Schedule) error {
	last := s.At(s.Len() - 1).Closing
	if !last.IsZero() || s.Totals.Principal != s.Terms.Principal {
		return fmt.Errorf("%w: a schedule of %s repays %s and ends at %s", harness.ErrWrong, s.Terms.Principal,
			s.Totals.Principal, last)
	}
	return nil
}

func build(list []amortization.Terms) func(n int64) error {
	return func(n int64) error {
		s, err := amortization.New(list[n%variety])
		if err != nil {
			return err
		}
		return whole(s)
	}
}

// work is one function to measure.
type work struct {
	name, title string
	fn          func(n int64) error
}

// measureAll gives each its part of the time and prints them side by side.
func measureAll(ctx context.Context, b *harness.Bench, title string, all []work) error {
	t := result.Table{
		Title:  title,
		Header: []string{"work", "a call", "best round", "processor", "allocations", "bytes", "calls"},
	}
	for _, w := range all {
		cost, err := harness.Repeat(ctx, b.Duration/time.Duration(len(all)), w.fn)
		if err != nil {
			return fmt.Errorf("%s: %w", w.title, err)
		}
		b.Metric(w.name, harness.Micros(cost.PerCall), "us")
		b.Metric(w.name+"_processor", harness.Micros(cost.Processor), "us")
		b.Metric(w.name+"_allocations", cost.Allocations, "1")
		t.Rows = append(t.Rows, []string{
			w.title, harness.Short(cost.PerCall), harness.Short(cost.Best), harness.Short(cost.Processor),
			fmt.Sprintf("%.1f", cost.Allocations), harness.Count(cost.Bytes), harness.Count(float64(cost.Calls)),
		})
	}
	b.Table(t)
	return nil
}

func runSchedule(ctx context.Context, b *harness.Bench) error {
	long := terms(b.Seed, longTerm, rateTo)
	built := make([]*amortization.Schedule, variety)
	for i := range built {
		s, err := amortization.New(long[i])
		if err != nil {
			return err
		}
		built[i] = s
	}
	err := measureAll(ctx, b, "one schedule, one thread", []work{
		{"annuity_360", "360 months, 30/360, annuity", build(long)},
		{"actual_360", "360 months, Actual/Actual ISDA, holidays", build(withCalendar(terms(b.Seed, longTerm, rateTo)))},
		{"annuity_36", "36 months, 30/360, annuity", build(terms(b.Seed, shortTerm, rateTo))},
		{"prepay_at_180", "re-amortize 360 months after a prepayment at row 180", prepay(built)},
	})
	if err != nil {
		return err
	}
	if err := byLength(ctx, b); err != nil {
		return err
	}
	if err := b.Check(true, "every schedule repaid its principal and ended at zero"); err != nil {
		return err
	}
	return byTheMillion(ctx, b)
}

func prepay(built []*amortization.Schedule) func(n int64) error {
	return func(n int64) error {
		s := built[n%variety]
		amount := money.New(s.Terms.Principal.Minor()/20, s.Terms.Principal.Currency())
		revision, err := amortization.Prepay(s, s.At(changedRow-1).Due, amount, amortization.ReduceInstalment)
		if err != nil {
			return err
		}
		last := revision.Schedule.At(revision.Schedule.Len() - 1)
		if !last.Closing.IsZero() {
			return fmt.Errorf("%w: a changed schedule ends at %s", harness.ErrWrong, last.Closing)
		}
		return nil
	}
}

// byLength shows how cost grows with the number of instalments.
func byLength(ctx context.Context, b *harness.Bench) error {
	line := result.Line{Name: "annuity, 30/360"}
	lengths := []int{12, 36, 84, 180, 360, 600}
	for _, n := range lengths {
		cost, err := harness.Repeat(ctx, b.Duration/time.Duration(4*len(lengths)), build(terms(b.Seed, n, rateTo)))
		if err != nil {
			return err
		}
		line.Points = append(line.Points, [2]float64{float64(n), harness.Micros(cost.PerCall)})
	}
	b.Plot(result.Plot{
		Title: "cost of a schedule by its length", XLabel: "instalments", YLabel: "microseconds", Log: true,
		Lines: []result.Line{line},
	})
	return nil
}

// byTheMillion builds many loans on all cores.
func byTheMillion(ctx context.Context, b *harness.Bench) error {
	list, count := terms(b.Seed, shortTerm, rateTo), int64(b.Sized(manyLoans))
	one := build(list)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for range runtime.NumCPU() {
		group.Go(func() error {
			for n := next.Add(1); n <= count && ctx.Err() == nil; n = next.Add(1) {
				if err := one(n); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took := time.Since(start)
	b.Metric("schedules_36", float64(count), "1")
	b.Metric("schedules_36_time", took.Seconds(), "s")
	b.Metric("schedules_36_throughput", float64(count)/took.Seconds(), "1/s")
	b.Note("%s schedules of 36 months on %d cores: %s", harness.Count(float64(count)), runtime.NumCPU(),
		harness.Short(took))
	return nil
}

// runAPR measures rates on loans with an odd first period, a calendar and fees.
func runAPR(ctx context.Context, b *harness.Bench) error {
	list := withCalendar(terms(b.Seed, longTerm, rateToOddDay))
	flows := make([][]amortization.CashFlow, variety)
	for i := range list {
		list[i].FirstDueDate = list[i].DisbursementDate.AddDays(oddFirstPeriod)
		list[i].Fees = []amortization.Fee{{Name: "processing fee", Percent: amortization.MustDecimal("1.5")}}
		s, err := amortization.New(list[i])
		if err != nil {
			return err
		}
		flows[i] = s.CashFlows()
	}
	above := func(rate amortization.APR, err error, n int64) error {
		if err != nil {
			return err
		}
		if rate.Exact.Cmp(list[n%variety].AnnualRatePercent) <= 0 {
			return fmt.Errorf("%w: %s%% with a fee is not above the nominal %s%%", harness.ErrWrong, rate.Exact,
				list[n%variety].AnnualRatePercent)
		}
		return nil
	}
	err := measureAll(ctx, b, "one rate, 360 irregular rows with a fee, one thread", []work{
		{"regulation_z_360", "Regulation Z, Appendix J", func(n int64) error {
			rate, err := amortization.RegulationZ(flows[n%variety])
			return above(rate, err, n)
		}},
		{"eu_360", "European Union, exact days", func(n int64) error {
			rate, err := amortization.EU(flows[n%variety], amortization.CalendarDays)
			return above(rate, err, n)
		}},
		{"xirr_360", "XIRR", func(n int64) error {
			rate, err := amortization.XIRR(flows[n%variety])
			return above(rate, err, n)
		}},
	})
	if err != nil {
		return err
	}
	return b.Check(true, "every rate was above the nominal one, as the fee makes it")
}
