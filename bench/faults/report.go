package faults

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
func (d *drill) report(b *harness.Bench, stats harness.Stats, e *evidence, v *verdict) error {
	b.OverTime("payments under faults", []string{"payments"}, []harness.Stats{stats})
	b.Measured("payments", stats)
	d.reportFaults(b)
	acked, refused := d.work.acked.Load(), d.work.refused.Load()
	if len(e.intents) > 0 { // what is on the disk, and was learnt in the end
		acked, refused = e.outcomes()
	}
	gaveUp := d.work.open.Load()
	for name, value := range map[string]int64{
		"acknowledged": acked, "refused": refused, "outcome_unknown_to_client": gaveUp, "lost": v.lost,
		"duplicated": v.duplicated, "replays_by_key": d.work.replays.Load(), "double_submits": d.work.twins.Load(),
		"keys_reused": d.work.reused.Load(), "answers_not_read": d.work.lost.Load(),
		"unclassified_answers": d.work.unclassified.Load(), "trial_balances_read": d.trialReads.Load(),
		"events": e.events, "events_delivered_again": e.again, "dead_letters_of_good_events": int64(len(e.wrongly)),
	} {
		b.Metric(name, float64(value), "1")
	}
	b.Table(result.Table{
		Title:  "payments",
		Header: []string{"acknowledged", "refused", "unknown to the client", "lost", "duplicated", "found by their key"},
		Rows: [][]string{{
			count(acked), count(refused), count(gaveUp), count(v.lost), count(v.duplicated), count(d.work.replays.Load()),
		}},
	})
	d.reportTimes(b, e)
	broken := d.reportInvariants(b, v)
	for text, times := range d.work.odd {
		b.Note("%d answers that no client should see: %s", times, text)
	}
	if err := stats.Err(); err != nil {
		return errors.Join(broken, err)
	}
	return broken
}

// outcomes counts the payments that were acknowledged and those that were refused.
func (e *evidence) outcomes() (acked, refused int64) {
	for _, i := range e.intents {
		if i.acked() {
			acked++
		} else if i.Refused {
			refused++
		}
	}
	return acked, refused
}

func count(n int64) string { return harness.Count(float64(n)) }

// struck counts the processes that were killed, by others and at crash points,
// and the COMMITs whose answers were lost. The caller holds the lock.
func (f *fleet) struck() (kills, commits int64) {
	for name, times := range f.counts {
		if slices.ContainsFunc([]string{"F1 ", "F2 ", "F3 "}, func(s string) bool { return strings.HasPrefix(name, s) }) {
			kills += times
		}
	}
	for _, point := range failpoint.Points {
		kills += f.hits[point]
	}
	for _, fault := range []pgfault.Fault{pgfault.CutBefore, pgfault.CutAfter} {
		_, atCommit := f.proxy.Injected(fault)
		commits += atCommit
	}
	return kills, commits
}

// reportFaults tells what was injected, by kind.
func (d *drill) reportFaults(b *harness.Bench) {
	f := d.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	t := result.Table{Title: "faults", Header: []string{"fault", "times"}}
	kills, commits := f.struck()
	row := func(name string, times int64) { t.Rows = append(t.Rows, []string{name, count(times)}) }
	for _, name := range slices.Sorted(maps.Keys(f.counts)) {
		row(name, f.counts[name])
		b.Metric("fault "+name, float64(f.counts[name]), "1")
	}
	for _, fault := range injected {
		all, atCommit := f.proxy.Injected(fault)
		row("F6/F7 "+fault.String(), all)
		b.Metric("fault "+fault.String(), float64(all), "1")
		if fault == pgfault.CutBefore || fault == pgfault.CutAfter {
			row("F7 "+fault.String()+" at COMMIT", atCommit)
		}
	}
	for _, point := range failpoint.Points {
		row("F8 died at "+point, f.hits[point])
		b.Metric("died at "+point, float64(f.hits[point]), "1")
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
	b.Note("%s kills, %s ambiguous commits, %d statements swept one by one", count(kills), count(commits), points)
}

// reportTimes tells how long things took to come back.
func (d *drill) reportTimes(b *harness.Bench, e *evidence) {
	d.fleet.mu.Lock()
	defer d.fleet.mu.Unlock()
	t := result.Table{Title: "recovery", Header: []string{"of", "times", "p50", "p99", "max"}}
	all := maps.Clone(d.fleet.recoveries)
	all["event from fact to broker"] = e.lags
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
	for n := range d.work.attempts {
		if times := d.work.attempts[n].Load(); times > 0 {
			name := fmt.Sprint(n)
			if n == attemptsKept {
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

// reportInvariants tells how often each was held, and fails if one was broken.
func (d *drill) reportInvariants(b *harness.Bench, v *verdict) error {
	t := result.Table{Title: "invariants", Header: []string{"invariant", "says", "checks", "broken"}}
	v.checks["I1"] += d.trialReads.Load()
	v.checks["I9"]++
	for _, points := range d.swept {
		v.checks["F6"] += int64(points)
	}
	total := int64(0)
	for _, i := range invariants {
		t.Rows = append(t.Rows, []string{i.name, i.says, count(v.checks[i.name]), count(v.broken[i.name])})
		b.Metric("checks_"+i.name, float64(v.checks[i.name]), "1")
		b.Metric("broken_"+i.name, float64(v.broken[i.name]), "1")
		total += v.broken[i.name]
	}
	b.Table(t)
	b.Metric("invariants_broken", float64(total), "1")
	var errs []error
	for _, x := range v.details {
		errs = append(errs, fmt.Errorf("%w: %s: %s", harness.ErrWrong, x.Invariant, x.Text))
	}
	if v.whole() {
		return b.Check(true, "no invariant is broken; lost %d, duplicated %d", v.lost, v.duplicated)
	}
	return errors.Join(errs...)
}
