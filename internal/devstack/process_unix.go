//go:build unix && !linux

package devstack

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// childAttributes puts the child in its own process group, under the account.
// There is no death signal here: the sweep at the next start takes its place.
func childAttributes(as account, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as.credential()}
}

// commandLine returns the arguments of a running process.
func commandLine(pid int) (string, error) {
	cmd := exec.CommandContext(context.Background(), "ps", "-o", "args=", "-p", strconv.Itoa(pid))
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("reading the command line of process %d: %w", pid, err)
	}
	return strings.TrimSpace(string(out)), nil
}
