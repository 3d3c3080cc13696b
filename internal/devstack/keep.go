package devstack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// elsewhereName is the file in a kept directory that tells where its data went
// when the server's user could not reach the directory itself.
const elsewhereName = "data-is-in"

// keptDir returns the directory for one server's files under dir: dir/name, or,
// where the account cannot get there (a project in a closed home directory),
// a directory of ours elsewhere that is noted in dir.
func keptDir(ctx context.Context, as account, dir, name string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	err = os.MkdirAll(dir, 0o755) // the server's user must be able to enter
	if err != nil {
		return "", err
	}
	elsewhere, err := readElsewhere(dir)
	if err != nil {
		return "", err
	}
	if elsewhere == "" && as.canEnter(ctx, dir) {
		return makeKept(filepath.Join(dir, name))
	}
	if elsewhere == "" {
		base, err := reachableDir(ctx, as, keepDirs())
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256([]byte(dir))
		const idBytes = 8
		elsewhere = filepath.Join(base, "data-"+hex.EncodeToString(sum[:idBytes]))
		err = os.WriteFile(filepath.Join(dir, elsewhereName), []byte(elsewhere+"\n"), 0o600)
		if err != nil {
			return "", err
		}
	}
	if !isKept(elsewhere) {
		return "", fmt.Errorf("%s names %s, which is no data directory of ours",
			filepath.Join(dir, elsewhereName), elsewhere)
	}
	err = makeOwnDir(elsewhere)
	if err != nil {
		return "", err
	}
	return makeKept(filepath.Join(elsewhere, name))
}

func makeKept(dir string) (string, error) {
	err := os.MkdirAll(dir, 0o755) // the server's user must be able to enter
	return dir, err
}

// readElsewhere returns the noted directory, or "" if there is no note.
func readElsewhere(dir string) (string, error) {
	content, err := os.ReadFile(filepath.Join(dir, elsewhereName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(content)), err
}

// Clean removes a directory of kept data, and what it had to put elsewhere. It
// refuses with ErrInUse while a server runs on it; an absent directory is fine.
func Clean(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	elsewhere, err := readElsewhere(dir)
	if err != nil {
		return err
	}
	roots := []string{dir}
	if elsewhere != "" {
		if !isKept(elsewhere) {
			return fmt.Errorf("%s names %s, which is no data directory of ours",
				filepath.Join(dir, elsewhereName), elsewhere)
		}
		roots = append(roots, elsewhere)
	}
	for _, root := range roots {
		err = refuseInUse(root)
		if err != nil {
			return err
		}
	}
	for _, root := range []string{elsewhere, dir} {
		if root == "" {
			continue
		}
		err = os.RemoveAll(root)
		if err != nil {
			return err
		}
	}
	return nil
}

// isKept guards Clean against a note that names a stranger's directory.
func isKept(dir string) bool {
	for _, base := range keepDirs() {
		if filepath.Dir(dir) == base && strings.HasPrefix(filepath.Base(dir), "data-") {
			return true
		}
	}
	return false
}

// refuseInUse fails if a server under root is running.
func refuseInUse(root string) error {
	locks, err := filepath.Glob(filepath.Join(root, "*", lockName))
	if err != nil {
		return err
	}
	for _, path := range locks {
		lock, err := lockFile(path)
		if err != nil {
			return err
		}
		err = errors.Join(stopStale(filepath.Join(filepath.Dir(path), "data")), lock.Close())
		if err != nil {
			return err
		}
	}
	return nil
}
