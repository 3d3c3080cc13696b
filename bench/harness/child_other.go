//go:build !linux

package harness

import "syscall"

// EndWithParent keeps the terminal's signals from a child process, which the
// bench ends itself.
func EndWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
