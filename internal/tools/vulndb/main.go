// Command vulndb turns an archive of the Go vulnerability database into the
// directory that govulncheck reads, and proves that the two work together: the
// database must be of plausible size, and govulncheck must find a well-known
// vulnerability in a module made for that purpose. A scanner that has nothing
// to compare with says that all is well.
//
//	vulndb -archive go-vulndb.tgz -out bin/vulndb -govulncheck bin/govulncheck
//
// It owns the conversion and the proof; it does not scan this repository.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// entriesMin is the fewest entries of a believable database: there were 4,291
// in August 2026, and entries are never deleted.
const entriesMin = 4_000

// The canary: a module that needs this version has this vulnerability.
const (
	canaryModule  = "github.com/jackc/pgx/v5"
	canaryVersion = "v5.7.2"
	canaryID      = "GO-2026-5004"
)

func main() {
	err := run()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "vulndb:", err)
		os.Exit(1)
	}
}

func run() error {
	archive := flag.String("archive", "", "gzipped tar archive that holds GO-*.json entries")
	out := flag.String("out", "", "directory to write, replaced if it exists")
	scanner := flag.String("govulncheck", "", "path of the govulncheck program")
	flag.Parse()
	if *archive == "" || *out == "" || *scanner == "" {
		return errors.New("-archive, -out and -govulncheck are all needed")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	file, err := os.Open(*archive)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	entries, err := readEntries(file)
	if err != nil {
		return fmt.Errorf("reading %s: %w", *archive, err)
	}
	if len(entries) < entriesMin {
		return fmt.Errorf("%s holds %d entries, fewer than the %d of a whole database", *archive, len(entries), entriesMin)
	}
	err = writeDatabase(*out, entries)
	if err != nil {
		return fmt.Errorf("writing %s: %w", *out, err)
	}
	err = canary(ctx, *scanner, *out)
	if err != nil {
		return err
	}
	fmt.Printf("vulndb: %d entries; the scanner finds %s in %s %s\n", len(entries), canaryID, canaryModule, canaryVersion)
	return nil
}

// canary has the scanner look at a module with a known vulnerability.
func canary(ctx context.Context, scanner, database string) error {
	scanner, err := filepath.Abs(scanner)
	if err != nil {
		return err
	}
	database, err = filepath.Abs(database)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tenor-canary-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	module := fmt.Sprintf("module canary\n\ngo 1.24\n\nrequire %s %s\n", canaryModule, canaryVersion)
	program := fmt.Sprintf("package canary\n\nimport _ %q\n", canaryModule)
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "go.mod"), []byte(module), 0o600),
		os.WriteFile(filepath.Join(dir, "canary.go"), []byte(program), 0o600))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, scanner, "-C", dir, "-scan", "module", "-db", "file://"+database)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	output, err := cmd.CombinedOutput()
	if !strings.Contains(string(output), canaryID) {
		return fmt.Errorf("the scanner does not find %s in %s %s (%w), so its word is worth nothing: %s",
			canaryID, canaryModule, canaryVersion, errors.Join(err, errBlind), output)
	}
	return nil
}

// errBlind marks a scanner that missed the canary.
var errBlind = errors.New("blind scanner")
