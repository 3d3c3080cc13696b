package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user a server runs as. The zero value means "as ourselves".
type account struct {
	drop     bool
	uid, gid uint32
}

// nobodyID is the conventional id of the unprivileged user when the machine's
// user table does not name one.
const nobodyID = 65534

// serverAccount picks the user for PostgreSQL, which refuses to run as root:
// ourselves, unless we are root.
func serverAccount() account {
	if os.Geteuid() != 0 {
		return account{}
	}
	as := account{drop: true, uid: nobodyID, gid: nobodyID}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return as
	}
	uid, uidErr := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(nobody.Gid, 10, 32)
	if uidErr == nil && gidErr == nil && uid != 0 {
		as.uid, as.gid = uint32(uid), uint32(gid)
	}
	return as
}

// ownerAccount is the user that must run a server on an existing data
// directory: its owner.
func ownerAccount(dataDir string) (account, error) {
	uid, gid, err := ownerOf(dataDir)
	if err != nil {
		return account{}, err
	}
	self := uint32(os.Geteuid()) // user ids are never negative on Unix
	switch {
	case uid == self && self != 0:
		return account{}, nil
	case self == 0 && uid != 0:
		return account{drop: true, uid: uid, gid: gid}, nil
	case self == 0:
		return account{}, fmt.Errorf("data directory %s belongs to root, and PostgreSQL refuses to run as root", dataDir)
	}
	return account{}, fmt.Errorf("data directory %s belongs to user id %d, not to you (%d)", dataDir, uid, self)
}

// credential is what the kernel needs to start a child under the account.
func (a account) credential() *syscall.Credential {
	if !a.drop {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own hands a file or directory to the account.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// canEnter tells whether the account can reach the directory, by trying it: a
// mode bit on any parent, an ACL or a mount may forbid what one look permits.
func (a account) canEnter(ctx context.Context, dir string) bool {
	_, err := runTool(ctx, a, dir, "/bin/sh", "-c", "exit 0")
	return err == nil
}

func ownerOf(path string) (uid, gid uint32, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("no owner known for %s", path)
	}
	return stat.Uid, stat.Gid, nil
}

// errNoRoom reports that no directory on this machine suits the account.
var errNoRoom = errors.New("no directory that the database's user can reach")

// runDirs lists where the files of a single run may live, best first.
func runDirs() []string {
	return []string{os.TempDir(), "/tmp", "/var/tmp"}
}

// keepDirs lists where files that outlive a run may live, best first. A home
// directory closed to others (mode 0700) is useless once privileges are
// dropped; the later entries are for that case.
func keepDirs() []string {
	var dirs []string
	cache, err := os.UserCacheDir()
	if err == nil {
		dirs = append(dirs, filepath.Join(cache, "tenor"))
	}
	own := "tenor-" + strconv.Itoa(os.Geteuid())
	for _, base := range []string{"/var/tmp", os.TempDir(), "/tmp"} {
		dirs = append(dirs, filepath.Join(base, own))
	}
	return dirs
}

// reachableDir returns the first of the directories that exists or can be made,
// is safely ours, and can be entered by the account.
func reachableDir(ctx context.Context, as account, dirs []string) (string, error) {
	var faults []error
	for _, dir := range dirs {
		err := makeOwnDir(dir)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if as.canEnter(ctx, dir) {
			return dir, nil
		}
		_ = os.Remove(dir) // succeeds only if it is empty: perhaps we just made it
		faults = append(faults, fmt.Errorf("%s is closed to user id %d", dir, as.uid))
	}
	return "", errors.Join(append([]error{errNoRoom}, faults...)...)
}

// makeOwnDir makes the directory, or accepts one that is ours and that nobody
// else can write to: programs are run from such places, sometimes by root.
func makeOwnDir(dir string) error {
	err := os.MkdirAll(dir, 0o755) // the database's user must be able to enter
	if err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	uid, _, err := ownerOf(dir)
	if err != nil {
		return err
	}
	const othersWrite = 0o022
	if !info.IsDir() || int(uid) != os.Geteuid() || info.Mode().Perm()&othersWrite != 0 {
		return fmt.Errorf("%s is not a directory of ours alone", dir)
	}
	return nil
}
