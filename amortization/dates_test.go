package amortization

import (
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/money"
)

// TestDayNumbersAgreeWithTheStandardLibrary walks through eight thousand years.
func TestDayNumbersAgreeWithTheStandardLibrary(t *testing.T) {
	t.Parallel()
	at := time.Date(yearMin, 1, 1, 0, 0, 0, 0, time.UTC)
	for at.Year() <= yearMax {
		want := civil.DateOf(at)
		n := toDay(want)
		if int64(n) != at.Unix()/86_400-boolToInt(at.Unix()%86_400 < 0) || n.date() != want || n.weekday() != at.Weekday() {
			t.Fatalf("%s is day %d, %s, %s", want, n, n.date(), n.weekday())
		}
		if DaysInMonth(want.Year, want.Month) != time.Date(want.Year, want.Month+1, 0, 0, 0, 0, 0, time.UTC).Day() {
			t.Fatalf("%s has %d days", want.Month, DaysInMonth(want.Year, want.Month))
		}
		if DaysInYear(want.Year) != time.Date(want.Year, 12, 31, 0, 0, 0, 0, time.UTC).YearDay() {
			t.Fatalf("%d has %d days", want.Year, DaysInYear(want.Year))
		}
		at = at.AddDate(0, 0, 17)
	}
}

func boolToInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// TestMonthEndAnchors is the table of loans that start on the last days of a month.
func TestMonthEndAnchors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		start      string
		end        MonthEnd
		unit       Unit
		every      int
		want       []string
		daysOfThem []int
	}{
		{start: "2023-01-31", want: []string{"2023-02-28", "2023-03-31", "2023-04-30", "2023-05-31"}},
		{start: "2024-01-31", want: []string{"2024-02-29", "2024-03-31", "2024-04-30"}},
		{start: "2024-01-30", want: []string{"2024-02-29", "2024-03-30", "2024-04-30"}},
		{start: "2024-01-29", want: []string{"2024-02-29", "2024-03-29"}},
		{start: "2023-01-31", end: Roll, want: []string{"2023-03-01", "2023-03-31", "2023-05-01", "2023-05-31"}},
		{start: "2023-12-31", every: 2, want: []string{"2024-02-29", "2024-04-30", "2024-06-30", "2024-08-31"}},
		{start: "2024-02-29", unit: Year, want: []string{"2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"}},
		{start: "2023-12-31", every: 36, want: []string{"2026-12-31", "2029-12-31"}},
		{start: "2024-01-10", unit: SemiMonth, want: []string{"2024-01-16", "2024-02-01", "2024-02-16", "2024-03-01"}},
		{start: "2024-01-20", daysOfThem: []int{15, 31}, want: []string{
			"2024-01-31", "2024-02-15", "2024-02-29",
			"2024-03-15",
		}},
		{start: "2023-11-30", end: Roll, every: 1, want: []string{"2023-12-30", "2024-01-30", "2024-03-01", "2024-03-30"}},
	} {
		start, err := civil.ParseDate(test.start)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(Terms{
			Principal: money.New(100_000, money.MustCurrency("EUR")), Instalments: len(test.want),
			DisbursementDate: start, MonthEnd: test.end,
			Frequency: Frequency{Every: test.every, Unit: test.unit, DaysOfMonth: test.daysOfThem},
		})
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range test.want {
			if got := s.At(k).Due.String(); got != want {
				t.Errorf("from %s: due %d on %s, want %s", test.start, k+1, got, want)
			}
		}
	}
}

// TestBusinessDayRules moves 2024-03-30, a Saturday before a month that starts
// with a holiday, in each way.
func TestBusinessDayRules(t *testing.T) {
	t.Parallel()
	calendar := &Calendar{Holidays: []civil.Date{{Year: 2024, Month: 4, Day: 1}}}
	for rule, want := range map[BusinessDayRule]string{
		Unadjusted: "2024-03-30", Following: "2024-04-02", ModifiedFollowing: "2024-03-29", Preceding: "2024-03-29",
	} {
		s, err := New(Terms{
			Principal: money.New(100_000, money.MustCurrency("EUR")), Instalments: 1, Calendar: calendar, BusinessDayRule: rule,
			DisbursementDate: civil.Date{Year: 2024, Month: 2, Day: 29}, FirstDueDate: civil.Date{Year: 2024, Month: 3, Day: 30},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.At(0).Due.String(); got != want {
			t.Errorf("%q moves to %s, want %s", rule, got, want)
		}
	}
	sunday := &Calendar{Weekend: []time.Weekday{time.Friday}}
	if !sunday.compile().isBusiness(toDay(civil.Date{Year: 2024, Month: 3, Day: 31})) {
		t.Error("a Sunday is no weekend where the weekend is Friday")
	}
}

// TestRebuildIsNew builds one schedule after another in the same memory.
func TestRebuildIsNew(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s Schedule
		for range 4 {
			terms := Terms{
				Principal:         money.New(rapid.Int64Range(1, 10_000_000).Draw(t, "principal"), money.MustCurrency("EUR")),
				AnnualRatePercent: Decimal{coef: rapid.Int64Range(-500, 3_000).Draw(t, "rate"), scale: 2},
				Instalments:       rapid.IntRange(0, 80).Draw(t, "n"),
				Method:            rapid.SampledFrom(Methods()).Draw(t, "method"),
				DisbursementDate:  civil.Date{Year: 2024, Month: 1, Day: 31},
			}
			want, err := New(terms)
			if got := s.Rebuild(terms); (got == nil) != (err == nil) {
				t.Fatalf("rebuilding: %v, building: %v", got, err)
			}
			if err == nil && s.Hash() != want.Hash() {
				t.Fatalf("rebuilt %s, built %s", s.Hash(), want.Hash())
			}
		}
	})
}

// TestFastRoundingIsTheRounding holds division to money.Round.
func TestFastRoundingIsTheRounding(t *testing.T) {
	t.Parallel()
	for _, mode := range []money.Rounding{
		money.HalfEven, money.HalfUp, money.HalfDown, money.Up, money.Down,
		money.Ceiling, money.Floor,
	} {
		for num := range uint64(60) {
			for _, den := range []uint64{2, 3, 4, 7, 10} {
				want, err := minorOf(calcQuo(int64(num), int64(den)), 1, mode)
				if err != nil {
					t.Fatal(err)
				}
				by := newDivision(den, mode)
				if got, ok := by.rounded(0, num); !ok || got != want {
					t.Errorf("%d/%d rounded %s is %d, want %d", num, den, mode, got, want)
				}
			}
		}
	}
}
