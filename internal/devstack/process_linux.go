package devstack

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// childAttributes puts the child in its own process group, under the account,
// and asks the kernel to signal it when we die.
func childAttributes(as account, death syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death, Credential: as.credential()}
}

// commandLine returns the arguments of a running process.
func commandLine(pid int) (string, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "", fmt.Errorf("reading the command line of process %d: %w", pid, err)
	}
	return strings.TrimSpace(strings.ReplaceAll(string(raw), "\x00", " ")), nil
}
