package harness

import "syscall"

// EndWithParent has the kernel end a child process when the bench is killed, and
// keeps the terminal's signals from it.
func EndWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
