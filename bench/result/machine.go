package result

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Machine is what a figure depends on beside the code.
type Machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	// Memory is the machine's, in MiB.
	Memory int64 `json:"memory"`
	// Database is the product and its version; "" when none took part.
	Database string `json:"database"`
	// Fsync tells whether commits waited for the disk: "on", "off", or "" when
	// no database took part.
	Fsync string `json:"fsync"`
}

const unknown = "unknown"

// ThisMachine tells what the program runs on; Database and Fsync are left open.
func ThisMachine() Machine {
	cpu := procValue("/proc/cpuinfo", "model name")
	if cpu == "" {
		cpu = runtime.GOARCH
	}
	const kibPerMib = 1024
	kib, _ := strconv.ParseInt(strings.TrimSuffix(procValue("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	return Machine{CPU: cpu, Cores: runtime.NumCPU(), Memory: kib / kibPerMib}
}

// LoadAverage is the machine's load over the last minute, "" where the system
// does not tell. A figure taken beside other work is worth less.
func LoadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

// ProcessorTime is how long this process has been on a processor, in user and
// system mode.
func ProcessorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// procValue returns the value of the first line "name : value", or "".
func procValue(file, name string) string {
	f, err := os.Open(file) //nolint:gosec // a fixed name
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // read only
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, found := strings.Cut(lines.Text(), ":")
		if found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// String is the machine in one line.
func (m Machine) String() string {
	const mibPerGib = 1024
	text := fmt.Sprintf("%s, %d cores, %d GiB", m.CPU, m.Cores, (m.Memory+mibPerGib/2)/mibPerGib)
	if m.Database != "" {
		text += ", " + m.Database + ", fsync " + m.Fsync
	}
	return text
}

// Commit names the version of the code that runs, with "+" when it has changes
// that are not committed.
func Commit(ctx context.Context) string {
	info, _ := debug.ReadBuildInfo()
	revision, modified := "", ""
	if info != nil {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = "+"
			}
		}
	}
	if revision != "" {
		return short(revision) + modified
	}
	// `go run` does not stamp what it builds.
	revision, err := git(ctx, "rev-parse", "HEAD")
	if err != nil || revision == "" {
		return unknown
	}
	changes, err := git(ctx, "status", "--porcelain", "--untracked-files=no")
	if err != nil || changes != "" {
		modified = "+"
	}
	return short(revision) + modified
}

func short(revision string) string {
	const length = 12
	return revision[:min(len(revision), length)]
}

func git(ctx context.Context, args ...string) (string, error) {
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "git", args...).Output() //nolint:gosec // fixed arguments
	return strings.TrimSpace(string(out)), err
}
