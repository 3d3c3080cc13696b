package platform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/servicing"
)

const (
	dayPath = "/api/v1/close-of-day/runs"
	// dayLoans is the largest book at scale 1, reached in steps of ten.
	dayLoans = 100_000
	daySteps = 3
	// daysClosed are closed at each size; due dates are spread over dueSpread.
	daysClosed = 3
	dueSpread  = 30
	dayLimit   = 30 * time.Minute
	dayLook    = 20 * time.Millisecond
	portDay    = 8014
)

// dayRun is a run of the close of day.
type dayRun struct {
	ID           string `json:"run_id"`
	Status       string `json:"status"`
	ClosedDays   int64  `json:"closed_days"`
	LoansDone    int64  `json:"loans_done"`
	LoansOverdue int64  `json:"loans_overdue"`
	Reason       string `json:"reason"`
}

func runCloseOfDay(ctx context.Context, b *harness.Bench, accrual servicing.Accrual) error {
	p, err := start(ctx, b)
	if err != nil {
		return err
	}
	token, err := p.system(ctx)
	if err != nil {
		return err
	}
	api := p.service(portDay).As(token)
	t := result.Table{
		Title: fmt.Sprintf("closing a day, due dates spread over %d days", dueSpread),
		Header: []string{
			"loans", "a day", "slowest day", "loans changed", "changed a second", "found overdue", "processor a change",
			"most memory",
		},
	}
	line := result.Line{Name: "a day"}
	stored := 0
	for _, n := range daySizes(b.Sized(dayLoans)) {
		book, err := p.book(ctx)
		if err != nil {
			return err
		}
		first := func(i int) civil.Date { return book.BusinessDate.AddDays(1 + i%dueSpread) }
		like := kind{firstDue: first, product: servicing.Product{Accrual: accrual}}
		if _, err := p.makeLoans(ctx, b, book, n-stored, like); err != nil {
			return err
		}
		stored = n
		was := p.processors(ctx)
		days, sum, err := p.closeDays(ctx, api)
		if err != nil {
			return err
		}
		used, memory := p.processors(ctx).since(was, sum.LoansDone), p.peakMemory()
		var total time.Duration
		for _, d := range days {
			total += d
		}
		mean := total / time.Duration(len(days))
		b.Metric(fmt.Sprintf("loans_%d_day", n), mean.Seconds(), "s")
		b.Metric(fmt.Sprintf("loans_%d_memory", n), memory, "MiB")
		t.Rows = append(t.Rows, []string{
			harness.Count(float64(n)), harness.Short(mean), harness.Short(slices.Max(days)),
			harness.Count(float64(sum.LoansDone)), harness.Count(float64(sum.LoansDone) / total.Seconds()),
			harness.Count(float64(sum.LoansOverdue)), harness.Short(used.sum()), fmt.Sprintf("%.0f MiB", memory),
		})
		line.Points = append(line.Points, [2]float64{float64(n), mean.Seconds()})
	}
	b.Table(t)
	b.Plot(result.Plot{
		Title: "closing a day by the number of loans", XLabel: "loans", YLabel: "seconds", Log: true,
		Lines: []result.Line{line},
	})
	return p.checkOverdue(ctx, b)
}

func daySizes(largest int) []int {
	list := []int{max(1, largest)}
	const growth = 10
	for range daySteps - 1 {
		list = append(list, max(1, list[len(list)-1]/growth))
	}
	slices.Reverse(list)
	return slices.Compact(list)
}

// closeDays closes some days, one by one, and returns how long each took.
func (p *platform) closeDays(ctx context.Context, api *client.Client) ([]time.Duration, dayRun, error) {
	var took []time.Duration
	var sum dayRun
	for range daysClosed {
		begin := time.Now()
		run, err := p.closeDay(ctx, api)
		if err != nil {
			return nil, sum, err
		}
		took = append(took, time.Since(begin))
		sum.LoansDone += run.LoansDone
		sum.LoansOverdue += run.LoansOverdue
	}
	return took, sum, nil
}

// closeDay closes the open day and waits until it is closed.
func (p *platform) closeDay(ctx context.Context, api *client.Client) (dayRun, error) {
	ctx, cancel := context.WithTimeout(ctx, dayLimit)
	defer cancel()
	book, err := p.book(ctx)
	if err != nil {
		return dayRun{}, err
	}
	var run dayRun
	if err := api.Post(ctx, dayPath, map[string]any{"through": book.BusinessDate}, &run); err != nil {
		return run, err
	}
	for run.Status == "QUEUED" || run.Status == "RUNNING" {
		select {
		case <-ctx.Done():
			return run, fmt.Errorf("closing %s: %w", book.BusinessDate, context.Cause(ctx))
		case <-time.After(dayLook):
		}
		if err := api.Get(ctx, dayPath+"/"+run.ID, &run); err != nil {
			return run, err
		}
	}
	if run.Status != "DONE" || run.ClosedDays != 1 {
		return run, fmt.Errorf("%w: closing %s ended as %s after %d days: %s", harness.ErrWrong, book.BusinessDate,
			run.Status, run.ClosedDays, run.Reason)
	}
	return run, nil
}

// checkOverdue holds that what is overdue was announced, once each.
func (p *platform) checkOverdue(ctx context.Context, b *harness.Bench) error {
	overdue, err := p.overdue(ctx)
	if err != nil {
		return err
	}
	announced, err := p.published(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		b.Check(announced >= overdue, "each of the %d overdue instalments was announced (%d events)", overdue, announced),
		p.booksBalance(ctx, b),
	)
}
