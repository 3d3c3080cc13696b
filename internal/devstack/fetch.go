package devstack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	fetchTimeout    = 2 * time.Minute // for one archive
	fetchAttempts   = 5
	fetchPause      = 500 * time.Millisecond // doubled after each attempt
	fetchParallel   = 4
	archiveBytesMax = 64 << 20
)

// errSum reports an archive whose content is not what was pinned. It is never
// an excuse to go on: either the mirror is broken or somebody tampers.
var errSum = errors.New("checksum differs from the pinned one")

// errNotServed reports that the registry has no such file: asking again is no use.
var errNotServed = errors.New("the registry has no such file")

// archive is one file of the Maven registry, pinned by its content.
type archive struct {
	sha256 string
	path   string // below the registry's base URL
}

// parseArchives reads lines of "sha256  path", as sha256sum writes them.
func parseArchives(list string) ([]archive, error) {
	var archives []archive
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		const hexChars = 2 * sha256.Size
		if len(fields) != 2 || len(fields[0]) != hexChars || path.IsAbs(fields[1]) {
			return nil, fmt.Errorf("not a checksum and a path: %q", line)
		}
		archives = append(archives, archive{sha256: fields[0], path: fields[1]})
	}
	return archives, nil
}

// fetchAll brings the archives from the registry into a directory.
func fetchAll(ctx context.Context, base string, archives []archive, into string) error {
	client := &http.Client{Timeout: fetchTimeout}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fetchParallel)
	for _, a := range archives {
		group.Go(func() error {
			return fetch(ctx, client, base+"/"+a.path, a.sha256, filepath.Join(into, path.Base(a.path)))
		})
	}
	return group.Wait()
}

// fetch brings one file, trying again when the registry stumbles. A registry
// that does not serve it is ErrUnavailable.
func fetch(ctx context.Context, client *http.Client, url, sum, target string) error {
	err := insist(ctx, func() error { return fetchOnce(ctx, client, url, sum, target) })
	if err != nil && !errors.Is(err, errSum) && ctx.Err() == nil {
		return fmt.Errorf("%w: fetching %s: %w", ErrUnavailable, url, err)
	}
	return err
}

// insist tries what a registry that stumbles makes fail, until it succeeds, fails
// for good, or has been tried fetchAttempts times.
func insist(ctx context.Context, try func() error) error {
	pause := fetchPause
	for attempt := 1; ; attempt++ {
		err := try()
		if err == nil || attempt == fetchAttempts || errors.Is(err, errSum) || errors.Is(err, errNotServed) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
		pause *= 2
	}
}

func fetchOnce(ctx context.Context, client *http.Client, url, sum, target string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusNotFound {
		return errNotServed
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the registry answers %s", response.Status)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, archiveBytesMax+1))
	if err != nil {
		return err
	}
	got := sha256.Sum256(content)
	if hex.EncodeToString(got[:]) != sum {
		return fmt.Errorf("%s: %w", url, errSum)
	}
	return os.WriteFile(target, content, 0o644) // a public library
}
