package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"cloud.google.com/go/civil"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/tenor-lending/tenor/internal/client"
)

// How the progress of a run is shown.
const (
	dayRunsPath = "/api/v1/close-of-day/runs"
	dayLook     = 250 * time.Millisecond
	barWidth    = 40
	tokenEnv    = "TENOR_TOKEN"
)

// dayRun is a run of the close of day as the API tells it.
type dayRun struct {
	ID           string     `json:"run_id"`
	Status       string     `json:"status"`
	ClosedDays   int64      `json:"closed_days"`
	TotalDays    int64      `json:"total_days"`
	Percent      int        `json:"percent"`
	EndsAt       *time.Time `json:"ends_at"`
	LoansDone    int64      `json:"loans_done"`
	LoansOverdue int64      `json:"loans_overdue"`
	LoansParked  int64      `json:"loans_parked"`
	TiedOut      string     `json:"tied_out"`
	Reason       string     `json:"reason"`
}

func (r *dayRun) open() bool { return r.Status == "QUEUED" || r.Status == "RUNNING" }

// closeOfDayCommand orders business days to be closed and shows the progress
// until they are. It ends with 1 if the run failed, parked a loan, or found the
// ledger and the loans to differ.
func closeOfDayCommand(ctx context.Context, args []string, std streams) int {
	through, rest := takeFlag(args, "through", "")
	url, rest := takeFlag(rest, "url", "")
	dir, rest := takeFlag(rest, "dir", defaultDir)
	day, err := civil.ParseDate(through)
	if err != nil || len(rest) > 0 {
		say(std.err, "usage: tenor close-of-day --through YYYY-MM-DD [--dir DIR | --url URL]\n\n"+
			"Closes every open business day up to and including the date, on the platform that `tenor up` runs on DIR,\n"+
			"or on the one at URL with the access token in %s (role SYSTEM or FINANCE).\n", tokenEnv)
		return exitUsage
	}
	api, err := dayClient(ctx, url, dir)
	if err == nil {
		err = closeDays(ctx, api, day, std)
	}
	if err != nil {
		say(std.err, "tenor close-of-day: %v\n", err)
		return exitFailed
	}
	return 0
}

// dayClient speaks as the system: with a token given, or with the secrets of a
// platform on this machine.
func dayClient(ctx context.Context, url, dir string) (*client.Client, error) {
	if url != "" {
		token := os.Getenv(tokenEnv)
		if token == "" {
			return nil, fmt.Errorf("%s: required with --url", tokenEnv)
		}
		return client.New(url, nil).As(token), nil
	}
	token, err := fetchToken(ctx, dir, "system")
	if err != nil {
		return nil, err
	}
	api, _, err := localClient(dir)
	if err != nil {
		return nil, err
	}
	return api.As(token), nil
}

// errDay says that a run ended and something is left to do.
var errDay = errors.New("look into it")

func closeDays(ctx context.Context, api *client.Client, through civil.Date, std streams) error {
	var run dayRun
	if err := api.Post(ctx, dayRunsPath, map[string]civil.Date{"through": through}, &run); err != nil {
		return err
	}
	bar := dayBar(std.err)
	for run.open() {
		bar.show(&run)
		select {
		case <-ctx.Done():
			return fmt.Errorf("run %s goes on without us: %w", run.ID, context.Cause(ctx))
		case <-time.After(dayLook):
		}
		if err := api.Get(ctx, dayRunsPath+"/"+run.ID, &run); err != nil {
			return err
		}
	}
	bar.show(&run)
	bar.end()
	say(std.out, "%s: %d of %d days closed, %d loans brought to a day, %d instalments overdue, %d loans parked\n",
		run.Status, run.ClosedDays, run.TotalDays, run.LoansDone, run.LoansOverdue, run.LoansParked)
	if run.Reason != "" {
		say(std.out, "%s\n", run.Reason)
	}
	if run.TiedOut != "" {
		say(std.out, "ledger and loans: %s\n", run.TiedOut)
	}
	if run.Status == "FAILED" || run.LoansParked > 0 || run.TiedOut == "DIFFERS" {
		return fmt.Errorf("run %s: %w", run.ID, errDay)
	}
	return nil
}

// dayProgress draws a bar on a terminal, and nothing elsewhere.
type dayProgress struct{ bar *progressbar.ProgressBar }

func dayBar(w io.Writer) dayProgress {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return dayProgress{}
	}
	const whole = 100
	return dayProgress{bar: progressbar.NewOptions(whole,
		progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(barWidth), progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetDescription("closing"))}
}

func (p dayProgress) show(run *dayRun) {
	if p.bar == nil {
		return
	}
	text := fmt.Sprintf("day %d of %d, %d loans", min(run.ClosedDays+1, run.TotalDays), run.TotalDays, run.LoansDone)
	if run.EndsAt != nil {
		text += ", until " + run.EndsAt.Local().Format(time.TimeOnly)
	}
	p.bar.Describe(text)
	_ = p.bar.Set(run.Percent) // a terminal that is gone shows nothing
}

func (p dayProgress) end() {
	if p.bar != nil {
		_ = p.bar.Exit() // likewise
		_, _ = fmt.Fprintln(os.Stderr)
	}
}
