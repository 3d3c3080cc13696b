package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// embeddedVersion is the PostgreSQL that is brought when the machine has none.
const embeddedVersion = embeddedpostgres.V17

// embeddedMajor is the first part of embeddedVersion; a test keeps them equal.
const embeddedMajor = 17

// embeddedBinaries returns the embedded PostgreSQL, bringing it first if it is
// not yet in a cache that the server's user can reach.
func embeddedBinaries(ctx context.Context, say func(string, ...any)) (postgresBinaries, error) {
	base, err := reachableDir(ctx, serverAccount(), keepDirs())
	if err != nil {
		return postgresBinaries{}, err
	}
	name := fmt.Sprintf("postgresql-%s-%s-%s", embeddedVersion, runtime.GOOS, runtime.GOARCH)
	target := filepath.Join(base, name)
	binaries := postgresBinaries{dir: filepath.Join(target, "bin"), major: embeddedMajor}
	err = installOnce(ctx, base, name, func(ctx context.Context, into string) error {
		say("bringing PostgreSQL %s from the Maven registry into %s (once)", embeddedVersion, target)
		return insist(ctx, func() error { return extractEmbedded(ctx, into) })
	})
	if err != nil {
		return postgresBinaries{}, fmt.Errorf("bringing PostgreSQL %s: %w", embeddedVersion, err)
	}
	return binaries, nil
}

// installOnce makes base/name through fill, unless it is there. The content is
// made aside and renamed when complete; one process works at a time, and what
// an interrupted one left aside is removed.
func installOnce(ctx context.Context, base, name string, fill func(ctx context.Context, into string) error) error {
	target := filepath.Join(base, name)
	_, err := os.Stat(target)
	if err == nil {
		return nil
	}
	lock, err := waitLock(ctx, filepath.Join(base, name+".lock"))
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	_, err = os.Stat(target)
	if err == nil {
		return nil // another process was faster
	}
	making := target + ".new"
	err = errors.Join(os.RemoveAll(making), os.Mkdir(making, 0o755)) // the server's user reads it
	if err != nil {
		return err
	}
	err = fill(ctx, making)
	if err != nil {
		return errors.Join(err, os.RemoveAll(making))
	}
	return os.Rename(making, target)
}

// extractEmbedded has the library fetch and unpack its binaries. The library
// can only do so as the first step of a start, which fails as root; so it is
// led to a data directory that holds nothing but a version, where its server
// cannot start, and the binaries are what is kept.
func extractEmbedded(ctx context.Context, into string) error {
	err := emptied(into) // of what an attempt that failed has left
	if err != nil {
		return err
	}
	dummy := filepath.Join(into, "start")
	data := filepath.Join(dummy, "data")
	cache := filepath.Join(into, "archive")
	err = os.MkdirAll(data, 0o700)
	if err != nil {
		return err
	}
	major := fmt.Sprintf("%d\n", embeddedMajor)
	err = os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(major), 0o600)
	if err != nil {
		return err
	}
	ports, err := FreePorts(ctx, 1)
	if err != nil {
		return err
	}
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(embeddedVersion).
		Port(uint32(ports[0])). // a port is at most 65535
		BinariesPath(into).RuntimePath(filepath.Join(dummy, "runtime")).DataPath(data).CachePath(cache).
		BinaryRepositoryURL(mavenBase()).
		Logger(io.Discard))
	done := make(chan error, 1)
	go func() { done <- library.Start() }()
	var startErr error
	select {
	case startErr = <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if startErr == nil {
		return errors.Join(errors.New("a server started on an empty data directory"), library.Stop())
	}
	for _, tool := range []string{"postgres", "initdb"} {
		_, err = os.Stat(filepath.Join(into, "bin", tool))
		if err != nil {
			return startErr
		}
	}
	return errors.Join(os.RemoveAll(dummy), os.RemoveAll(cache))
}

// emptied removes what is in the directory.
func emptied(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
	}
	return err
}
