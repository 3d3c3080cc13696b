package platform

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tenor-lending/tenor/bench/harness"
)

// processors is the processor time that each part of the whole has used so far,
// in seconds: what a unit of work costs does not depend on what else a machine
// does. It is zero where /proc is not to be had.
type processors struct{ platform, database, bench float64 }

// ticksPerSecond is the unit of /proc/PID/stat; Linux has it at 100 on every
// architecture that Go runs on.
const ticksPerSecond = 100

func (p *platform) processors(ctx context.Context) processors {
	var used processors
	used.bench = processorTime(os.Getpid()).own
	if p.child != nil {
		used.platform = processorTime(p.child.Process.Pid).own
	}
	var backend int
	if err := p.count(ctx, `select pg_catalog.pg_backend_pid()`, nil, &backend); err != nil {
		return used
	}
	server := processorTime(backend).parent
	if server <= 1 {
		return used
	}
	used.database = processorTime(server).own + processorTime(server).reaped
	for _, pid := range childrenOf(server) {
		used.database += processorTime(pid).own
	}
	return used
}

// processTime is what the kernel says of a process; reaped is the time of its
// children that have ended.
type processTime struct {
	parent      int
	own, reaped float64
}

func processorTime(pid int) processTime {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processTime{}
	}
	_, rest, _ := strings.Cut(string(data), ") ") // after the name, which may hold anything
	fields := strings.Fields(rest)
	const parent, user, system, reapedUser, reapedSystem = 1, 11, 12, 13, 14
	if len(fields) <= reapedSystem {
		return processTime{}
	}
	number := func(field int) float64 {
		n, _ := strconv.ParseFloat(fields[field], 64) // a field that is no number counts for nothing
		return n
	}
	return processTime{
		parent: int(number(parent)), own: (number(user) + number(system)) / ticksPerSecond,
		reaped: (number(reapedUser) + number(reapedSystem)) / ticksPerSecond,
	}
}

func childrenOf(parent int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var pids []int
	for _, stat := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err == nil && processorTime(pid).parent == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

// each is what a unit of work has cost of the processors.
type each struct{ database, platform, bench time.Duration }

func (e each) sum() time.Duration { return e.database + e.platform + e.bench }

// since divides what was used after an earlier look by the work done.
func (u processors) since(before processors, work int64) each {
	part := func(before, after float64) time.Duration {
		return time.Duration((after - before) / float64(max(1, work)) * float64(time.Second))
	}
	return each{
		part(before.database, u.database), part(before.platform, u.platform), part(before.bench, u.bench),
	}
}

// report tells what a unit of work has cost of the processors.
func (u processors) report(b *harness.Bench, after processors, work int64) {
	if work <= 0 || after.database == 0 {
		return
	}
	used := after.since(u, work)
	b.Metric("processor_database", used.database.Seconds(), "s")
	b.Metric("processor_platform", used.platform.Seconds(), "s")
	b.Metric("processor_bench", used.bench.Seconds(), "s")
	b.Note("processor time a unit of work: %s (database %s, platform %s, bench %s)",
		harness.Short(used.sum()), harness.Short(used.database), harness.Short(used.platform), harness.Short(used.bench))
}

// peakMemory is the most memory that the platform's process has had so far, in
// MiB; 0 where /proc is not to be had.
func (p *platform) peakMemory() float64 {
	if p.child == nil {
		return 0
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.child.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	const kibPerMiB = 1024
	kib, _ := strconv.ParseFloat(fields[0], 64) // a field that is no number counts for nothing
	return kib / kibPerMiB
}
