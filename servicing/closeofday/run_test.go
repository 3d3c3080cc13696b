package closeofday

import (
	"testing"
	"time"

	"cloud.google.com/go/civil"
)

func TestPercentAndTimeLeft(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	day := civil.Date{Year: 2026, Month: 1, Day: 15}
	for _, c := range []struct {
		name    string
		run     Run
		percent int64
		left    time.Duration
		known   bool
	}{
		{"not begun", Run{Status: Queued, dayLoans: 10}, 0, 0, false},
		{"nothing done yet", Run{Status: Running, StartedAt: &start, dayLoans: 100}, 0, 0, false},
		{
			"a quarter of the first of two days",
			Run{Status: Running, StartedAt: &start, dayLoans: 100, LoansDone: 50},
			25, 30 * time.Second, true,
		},
		{
			"parked loans count",
			Run{Status: Running, StartedAt: &start, dayLoans: 100, LoansDone: 40, LoansParked: 10},
			25, 30 * time.Second,
			true,
		},
		{
			"the second day, by what was done since it began",
			Run{Status: Running, StartedAt: &start, ClosedDays: 1, dayLoans: 10, dayFrom: 100, LoansDone: 105},
			75, 10*time.Second/3 + 1, true,
		},
		{
			"never more than 99 while it runs",
			Run{Status: Running, StartedAt: &start, ClosedDays: 1, dayLoans: 10, LoansDone: 50},
			99, 0, true,
		},
		{"done", Run{Status: Done, ClosedDays: 2, StartedAt: &start}, 100, 0, false},
		{"failed half way", Run{Status: Failed, ClosedDays: 1, dayLoans: 10, LoansDone: 15}, 50, 0, false},
	} {
		c.run.FirstDay, c.run.Through = day, day.AddDays(1)
		left, known := c.run.Remaining(start.Add(10 * time.Second))
		if got := c.run.Percent(); got != c.percent || known != c.known || (left-c.left).Abs() > time.Millisecond {
			t.Errorf("%s: %d %%, %s (%t); want %d %%, %s (%t)", c.name, got, left, known, c.percent, c.left, c.known)
		}
	}
}
