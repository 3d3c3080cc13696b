package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	instancePrefix = "tenor-dev-"
	lockName       = "owner.lock"
	// youngAge protects a directory that another process is just making: it
	// has no lock yet.
	youngAge = time.Minute
	// staleStopWait is how long a server left behind has to end.
	staleStopWait = 40 * time.Second
	dirAttempts   = 5
)

// ErrInUse reports that a running process already owns the data directory.
var ErrInUse = errors.New("directory is in use by another running Tenor")

// instance is a directory with a server in it, owned through a file lock that
// the kernel lets go of when its owner dies, however it dies.
type instance struct {
	dir       string
	lock      *os.File
	ephemeral bool
}

// newInstance makes a directory for one run under the first base that the
// account can reach, after sweeping what killed runs left in those bases.
func newInstance(ctx context.Context, as account, bases []string) (*instance, error) {
	var faults []error
	for _, base := range bases {
		if !as.canEnter(ctx, base) {
			faults = append(faults, fmt.Errorf("%s is closed to user id %d", base, as.uid))
			continue
		}
		sweep(base)
		for range dirAttempts {
			dir, err := os.MkdirTemp(base, instancePrefix)
			if err != nil {
				faults = append(faults, err)
				break
			}
			inst, err := takeDir(dir)
			if err != nil {
				faults = append(faults, err)
				continue // a sweeper was faster; it removes the directory
			}
			inst.ephemeral = true
			return inst, nil
		}
	}
	return nil, errors.Join(append([]error{errNoRoom}, faults...)...)
}

// takeDir locks an existing directory and opens it to the server's account.
func takeDir(dir string) (*instance, error) {
	lock, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	const enterOnly = 0o711
	err = os.Chmod(dir, enterOnly)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &instance{dir: dir, lock: lock}, nil
}

// path joins names to the instance's directory.
func (i *instance) path(names ...string) string {
	return filepath.Join(append([]string{i.dir}, names...)...)
}

// release removes an ephemeral directory and lets go of the lock, in that
// order: nobody else may see a half-removed directory as free.
func (i *instance) release() error {
	var err error
	if i.ephemeral {
		err = os.RemoveAll(i.dir)
	}
	return errors.Join(err, i.lock.Close())
}

// lockFile takes the lock without waiting and writes our process id in it, for
// people. The lock is the file lock, not the file's existence.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		holder, _ := os.ReadFile(path)
		inUse := fmt.Errorf("%s: %w (process %s)", filepath.Dir(path), ErrInUse, strings.TrimSpace(string(holder)))
		return nil, errors.Join(inUse, file.Close())
	}
	err = file.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(file, os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// sweep removes the instances of killed runs of this user under base, and ends
// servers still running in them. Faults are left for the next sweep: they must
// not keep anyone from starting.
func sweep(base string) {
	dirs, err := filepath.Glob(filepath.Join(base, instancePrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		uid, _, err := ownerOf(dir)
		if err != nil || int(uid) != os.Geteuid() {
			continue
		}
		sweepOne(dir)
	}
}

func sweepOne(dir string) {
	lockPath := filepath.Join(dir, lockName)
	_, err := os.Lstat(lockPath)
	if err != nil {
		info, statErr := os.Lstat(dir)
		if statErr != nil || time.Since(info.ModTime()) < youngAge {
			return
		}
	}
	lock, err := lockFile(lockPath)
	if err != nil {
		return
	}
	err = stopStale(filepath.Join(dir, "data"))
	if err == nil {
		err = os.RemoveAll(dir)
	}
	_ = errors.Join(err, lock.Close())
}

// stopStale ends a PostgreSQL that a killed run left on the data directory. It
// signals a process only if its command line names that very directory, since
// process ids are reused.
func stopStale(dataDir string) error {
	content, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return nil
	}
	if !runsOn(pid, dataDir) {
		return nil
	}
	deadline := time.Now().Add(staleStopWait)
	signal := syscall.SIGINT
	for runsOn(pid, dataDir) {
		if time.Now().After(deadline) {
			return fmt.Errorf("a server left behind (process %d) does not end", pid)
		}
		err = syscall.Kill(pid, signal)
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("ending the server left behind (process %d): %w", pid, err)
		}
		if time.Until(deadline) < staleStopWait/2 {
			signal = syscall.SIGQUIT
		}
		time.Sleep(readyPoll)
	}
	return nil
}

// runsOn tells whether the process exists and is a server on the directory.
func runsOn(pid int, dataDir string) bool {
	line, err := commandLine(pid)
	if err != nil {
		return false
	}
	return strings.Contains(line+" ", " -D "+dataDir+" ")
}

// waitLock takes the lock as soon as its holder lets go, or gives up with ctx.
func waitLock(ctx context.Context, path string) (*os.File, error) {
	for {
		lock, err := lockFile(path)
		if err == nil || !errors.Is(err, ErrInUse) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(readyPoll):
		}
	}
}
