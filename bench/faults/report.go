package faults

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
	"github.com/tenor-lending/tenor/bench/faults/payer"
	"github.com/tenor-lending/tenor/bench/faults/verdict"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
	"github.com/tenor-lending/tenor/internal/failpoint"
)

// injected are the faults of the wire that are reported.
var injected = []pgfault.Fault{
	pgfault.Serialization, pgfault.Deadlock, pgfault.Shutdown, pgfault.TooMany, pgfault.CutBefore, pgfault.CutAfter,
}

// report tells what was done and found; an invariant that is broken fails the run.
func (d *drill) report(stats harness.Stats, e *verdict.Evidence, v *verdict.Verdict) error {
	b := d.bench
	b.OverTime("payments under faults", []string{"payments"}, []harness.Stats{stats})
	b.Measured("payments", stats)
	d.reportFaults()
	acked, refused := d.work.Acked.Load(), d.work.Refused.Load()
	if len(e.Intents) > 0 { // what is on the disk, and was learnt in the end
		acked, refused = e.Outcomes()
	}
	gaveUp := d.work.Open.Load()
	for name, value := range map[string]int64{
		"acknowledged": acked, "refused": refused, "outcome_unknown_to_client": gaveUp, "lost": v.Lost,
		"duplicated": v.Duplicated, "replays_by_key": d.work.Replays.Load(), "double_submits": d.work.Twins.Load(),
		"keys_reused": d.work.Reused.Load(), "answers_not_read": d.work.Lost.Load(),
		"unclassified_answers": d.work.Unclassified.Load(), "trial_balances_read": d.trialReads.Load(),
		"events": e.Events, "events_delivered_again": e.Again, "dead_letters_of_good_events": int64(len(e.Wrongly)),
	} {
		b.Metric(name, float64(value), "1")
	}
	b.Table(result.Table{
		Title:  "payments",
		Header: []string{"acknowledged", "refused", "unknown to the client", "lost", "duplicated", "found by their key"},
		Rows: [][]string{{
			count(acked), count(refused), count(gaveUp), count(v.Lost), count(v.Duplicated), count(d.work.Replays.Load()),
		}},
	})
	d.reportTimes(e)
	broken := d.reportInvariants(v)
	for text, times := range d.work.Odd() {
		b.Note("%d answers that no client should see: %s", times, text)
	}
	if err := stats.Err(); err != nil {
		return errors.Join(broken, err)
	}
	return broken
}

func count(n int64) string { return harness.Count(float64(n)) }

// struck counts the processes that were killed, by others and at crash points,
// and the COMMITs whose answers were lost.
func (d *drill) struck(t fleet.Tally) (kills, commits int64) {
	for name, times := range t.Counts {
		if slices.ContainsFunc([]string{"F1 ", "F2 ", "F3 "}, func(s string) bool { return strings.HasPrefix(name, s) }) {
			kills += times
		}
	}
	for _, times := range t.Deaths {
		kills += times
	}
	for _, fault := range []pgfault.Fault{pgfault.CutBefore, pgfault.CutAfter} {
		_, atCommit := d.fleet.Proxy.Injected(fault)
		commits += atCommit
	}
	return kills, commits
}

// reportFaults tells what was injected, by kind.
func (d *drill) reportFaults() {
	b, tally := d.bench, d.fleet.Tally()
	t := result.Table{Title: "faults", Header: []string{"fault", "times"}}
	kills, commits := d.struck(tally)
	row := func(name string, times int64) { t.Rows = append(t.Rows, []string{name, count(times)}) }
	for _, name := range slices.Sorted(maps.Keys(tally.Counts)) {
		row(name, tally.Counts[name])
		b.Metric("fault "+name, float64(tally.Counts[name]), "1")
	}
	for _, fault := range injected {
		all, atCommit := d.fleet.Proxy.Injected(fault)
		row("F6/F7 "+fault.String(), all)
		b.Metric("fault "+fault.String(), float64(all), "1")
		if fault == pgfault.CutBefore || fault == pgfault.CutAfter {
			row("F7 "+fault.String()+" at COMMIT", atCommit)
		}
	}
	for _, point := range failpoint.Points {
		row("F8 died at "+point, tally.Deaths[point])
		b.Metric("died at "+point, float64(tally.Deaths[point]), "1")
	}
	row("F9 events sent again", d.replayer.Sent())
	b.Metric("events sent again", float64(d.replayer.Sent()), "1")
	b.Metric("kills", float64(kills), "1")
	b.Metric("ambiguous_commits", float64(commits), "1")
	points := 0
	for _, n := range d.swept {
		points += n
	}
	for _, name := range slices.Sorted(maps.Keys(d.swept)) {
		row("F6 swept "+name, int64(d.swept[name]))
	}
	b.Metric("statements_swept", float64(points), "1")
	b.Table(t)
	b.Note("F4: partitions by %s", d.fleet.Partitions)
	b.Note("%s kills, %s ambiguous commits, %d statements swept one by one", count(kills), count(commits), points)
}

// reportTimes tells how long things took to come back.
func (d *drill) reportTimes(e *verdict.Evidence) {
	b := d.bench
	t := result.Table{Title: "recovery", Header: []string{"of", "times", "p50", "p99", "max"}}
	all := d.fleet.Tally().Recoveries
	all["event from fact to broker"] = e.Lags
	for _, what := range slices.Sorted(maps.Keys(all)) {
		times := slices.Sorted(slices.Values(all[what]))
		p50, p99, most := percentile(times, 50), percentile(times, 99), percentile(times, hundred)
		t.Rows = append(t.Rows, []string{
			what, count(int64(len(times))), harness.Short(p50), harness.Short(p99), harness.Short(most),
		})
		name := strings.ReplaceAll(what, " ", "_")
		b.Metric("recovery_"+name+"_p50", harness.Millis(p50), "ms")
		b.Metric("recovery_"+name+"_p99", harness.Millis(p99), "ms")
		b.Metric("recovery_"+name+"_max", harness.Millis(most), "ms")
	}
	b.Table(t)
	b.Metric("outbox_drained_after", d.drainTook.Seconds(), "s")
	b.Metric("oldest_unpublished_event", time.Duration(d.lateness.Load()).Seconds(), "s")
	attempts := result.Table{Title: "attempts until an answer", Header: []string{"attempts", "payments"}}
	for n := range d.work.Attempts {
		if times := d.work.Attempts[n].Load(); times > 0 {
			name := fmt.Sprint(n)
			if n == payer.AttemptsKept {
				name += " or more"
			}
			attempts.Rows = append(attempts.Rows, []string{name, count(times)})
			b.Metric("attempts_"+name, float64(times), "1")
		}
	}
	b.Table(attempts)
}

// percentile of sorted times; zero of none.
func percentile(times []time.Duration, p int) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return times[max(0, (len(times)*p+hundred-1)/hundred-1)]
}

// reportInvariants adds what was blamed while the drill ran, tells how often each
// invariant was held, and fails if one was broken.
func (d *drill) reportInvariants(v *verdict.Verdict) error {
	b := d.bench
	v.Add(d.fleet.Tally().Blamed...)
	t := result.Table{Title: "invariants", Header: []string{"invariant", "says", "checks", "broken"}}
	v.Checks["I1"] += d.trialReads.Load()
	v.Checks["I9"]++
	for _, points := range d.swept {
		v.Checks["F6"] += int64(points)
	}
	total := int64(0)
	for _, i := range verdict.Invariants {
		t.Rows = append(t.Rows, []string{i.Name, i.Says, count(v.Checks[i.Name]), count(v.Broken[i.Name])})
		b.Metric("checks_"+i.Name, float64(v.Checks[i.Name]), "1")
		b.Metric("broken_"+i.Name, float64(v.Broken[i.Name]), "1")
		total += v.Broken[i.Name]
	}
	b.Table(t)
	b.Metric("invariants_broken", float64(total), "1")
	var errs []error
	for _, x := range v.Details {
		errs = append(errs, fmt.Errorf("%w: %s: %s", harness.ErrWrong, x.Invariant, x.Text))
	}
	if v.Whole() {
		return b.Check(true, "no invariant is broken; lost %d, duplicated %d", v.Lost, v.Duplicated)
	}
	return errors.Join(errs...)
}
