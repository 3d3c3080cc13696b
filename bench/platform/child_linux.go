package platform

import "syscall"

// endWithParent has the kernel end the platform if the bench is killed.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
