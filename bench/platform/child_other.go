//go:build !linux

package platform

import "syscall"

// endWithParent keeps the terminal's signals from the platform, which the bench
// ends itself.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
