package blob

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// settle brings a blob of a file store to the disk, with the directory entry
// that names it: what was acknowledged survives a loss of power. Other stores
// promise that themselves.
func (s *Store) settle(key string) error {
	if s.dir == "" {
		return nil
	}
	path := filepath.Join(s.dir, filepath.FromSlash(key))
	return errors.Join(syncPath(path), syncPath(filepath.Dir(path)), syncPath(s.dir))
}

func syncPath(path string) error {
	file, err := os.Open(path) //nolint:gosec // our own random name below our own directory
	if err != nil {
		return fmt.Errorf("opening for sync: %w", err)
	}
	return errors.Join(file.Sync(), file.Close())
}

// removeLeftovers removes temporary files that a killed process left beside
// the blob it was writing.
func (s *Store) removeLeftovers(key string) error {
	if s.dir == "" {
		return nil
	}
	path := filepath.Join(s.dir, filepath.FromSlash(key))
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("looking for leftovers of blob %s: %w", key, err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), filepath.Base(path)+".") {
			continue
		}
		err := os.Remove(filepath.Join(filepath.Dir(path), entry.Name()))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing a leftover of blob %s: %w", key, err)
		}
	}
	return nil
}
