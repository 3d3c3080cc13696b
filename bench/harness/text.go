package harness

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/tenor-lending/tenor/bench/result"
)

// Count writes a number the way people read it: three figures below a thousand,
// whole with separators above.
func Count(v float64) string {
	const thousand = 1000
	if math.Round(math.Abs(v)) < thousand {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	text := strconv.FormatFloat(math.Round(math.Abs(v)), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	if v < 0 {
		return "-" + text
	}
	return text
}

// Short writes a duration with three figures.
func Short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return strconv.FormatFloat(d.Seconds(), 'g', 3, 64) + " s"
	case d >= time.Millisecond:
		return strconv.FormatFloat(Millis(d), 'g', 3, 64) + " ms"
	case d >= time.Microsecond:
		return strconv.FormatFloat(Micros(d), 'g', 3, 64) + " us"
	}
	return strconv.FormatInt(int64(d), 10) + " ns"
}

// Ratio writes how many times a is b: "12.3x"; "n/a" when b is zero.
func Ratio(a, b float64) string {
	if b == 0 {
		return "n/a"
	}
	return strconv.FormatFloat(a/b, 'g', 3, 64) + "x"
}

// Share writes a as percent of b, or "n/a" when b is zero.
func Share(a, b float64) string {
	if b == 0 {
		return "n/a"
	}
	const percent = 100
	return fmt.Sprintf("%.1f%%", percent*a/b)
}

// Millis and Micros are d in milliseconds and microseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Micros is d in microseconds.
func Micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Distribution reports the percentiles of latencies under names that begin with
// prefix.
func (b *Bench) Distribution(prefix string, l Latencies) {
	b.Metric(prefix+"_p50", Millis(l.P50), "ms")
	b.Metric(prefix+"_p95", Millis(l.P95), "ms")
	b.Metric(prefix+"_p99", Millis(l.P99), "ms")
	b.Metric(prefix+"_p999", Millis(l.P999), "ms")
	b.Metric(prefix+"_max", Millis(l.Max), "ms")
}

// Measured reports the throughput and the latencies of a load.
func (b *Bench) Measured(prefix string, s Stats) {
	b.Metric(prefix+"_throughput", s.PerSecond, "1/s")
	b.Distribution(prefix+"_latency", s.Latencies)
	b.Metric(prefix+"_failed", float64(s.Failed), "1")
}

// OverTime adds two plots of loads as they went: throughput, and latency.
func (b *Bench) OverTime(title string, names []string, all []Stats) {
	rates := result.Plot{Title: title + ": throughput", XLabel: "seconds", YLabel: "per second"}
	delays := result.Plot{Title: title + ": latency", XLabel: "seconds", YLabel: "milliseconds"}
	for i, s := range all {
		var rate, middle, tail [][2]float64
		for _, p := range s.Points {
			at := p.At.Seconds()
			rate = append(rate, [2]float64{at, p.PerSecond})
			middle = append(middle, [2]float64{at, Millis(p.P50)})
			tail = append(tail, [2]float64{at, Millis(p.P99)})
		}
		rates.Lines = append(rates.Lines, result.Line{Name: names[i], Points: rate})
		delays.Lines = append(delays.Lines, result.Line{Name: names[i] + " p50", Points: middle},
			result.Line{Name: names[i] + " p99", Points: tail})
	}
	b.Plot(rates)
	b.Plot(delays)
}

// Ratio reports how many times a is b.
func (b *Bench) Ratio(name string, a, c float64) {
	if c != 0 {
		b.Metric(name, a/c, "x")
	}
}

// Progress tells something that is not part of the report.
func (b *Bench) Progress(format string, args ...any) { b.sayf("  "+format+"\n", args...) }

// MedianOf returns the median of a figure over several loads, zero of none.
func MedianOf(all []Stats, of func(Stats) time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	values := make([]time.Duration, len(all))
	for i, s := range all {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
