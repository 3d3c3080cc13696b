// Command debtools brings the Debian tools that tests ask for a second opinion:
//
//	go run ./internal/tools/debtools -dir .tools hledger=hledger bean-check=beancount
//
// Each argument names a command and the package that has it. Commands that are
// there already are left alone and nothing is fetched. As root it installs the
// packages; as an ordinary user it unpacks them below the directory and writes
// a starter for each command into its bin. What cannot be had is said aloud; the
// tests that need it then say so as well, and the exit code is 0.
//
// It owns apt-get and dpkg, bounded and quiet. It must not know any test.
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
	"slices"
	"strings"
	"syscall"
	"time"
)

// Limits of what it starts.
const (
	updateTimeout  = 2 * time.Minute
	installTimeout = 5 * time.Minute
	unpackTimeout  = time.Minute
	probeTimeout   = 20 * time.Second
	logTailBytes   = 2_000
)

func main() {
	dir := flag.String("dir", ".tools", "where an ordinary user's tools are unpacked")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	wants, err := parse(flag.Args())
	if err != nil {
		say("debtools: %v\n", err)
		os.Exit(2) //nolint:gocritic // nothing is left to stop
	}
	b := bringer{dir: *dir, root: os.Geteuid() == 0}
	for _, line := range b.bring(ctx, wants) {
		say("%s\n", line)
	}
}

func say(format string, args ...any) { _, _ = fmt.Fprintf(os.Stderr, format, args...) }

// want is a command and the package that has it.
type want struct{ command, pkg string }

func parse(args []string) ([]want, error) {
	var wants []want
	for _, arg := range args {
		command, pkg, ok := strings.Cut(arg, "=")
		if !ok || command == "" || pkg == "" || strings.ContainsAny(arg, "/ ") {
			return nil, fmt.Errorf("%q is not command=package", arg)
		}
		wants = append(wants, want{command, pkg})
	}
	return wants, nil
}

type bringer struct {
	dir  string
	root bool
}

// bring returns a line for each command that could not be had.
func (b bringer) bring(ctx context.Context, wants []want) []string {
	missing := slices.DeleteFunc(slices.Clone(wants), func(w want) bool { return b.has(ctx, w.command) })
	if len(missing) == 0 {
		return nil
	}
	var packages []string
	for _, w := range missing {
		packages = append(packages, w.pkg)
	}
	slices.Sort(packages)
	err := b.install(ctx, slices.Compact(packages))
	if err == nil && !b.root {
		err = b.starters(missing)
	}
	var lines []string
	for _, w := range missing {
		if err == nil && b.has(ctx, w.command) {
			continue
		}
		reason := "package " + w.pkg + " did not bring it"
		if err != nil {
			reason = err.Error()
		}
		lines = append(lines, fmt.Sprintf("NOT RUN: the tests that ask %s; it cannot be had: %s", w.command, reason))
	}
	return lines
}

// has tells whether a command can be started: from the PATH, or by a starter
// whose command says its version.
func (b bringer) has(ctx context.Context, command string) bool {
	if _, err := exec.LookPath(command); err == nil {
		return true
	}
	starter := filepath.Join(b.dir, "bin", command)
	if _, err := os.Stat(starter); err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	for _, question := range []string{"--version", "-v", "--help"} {
		if exec.CommandContext(ctx, starter, question).Run() == nil {
			return true
		}
	}
	return false
}

func (b bringer) install(ctx context.Context, packages []string) error {
	for _, tool := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(tool); err != nil {
			return errors.New("this machine has no " + tool)
		}
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	options, err := b.options()
	if err != nil {
		return err
	}
	if err := b.run(ctx, updateTimeout, "apt-get", append(options, "update")...); err != nil {
		return err
	}
	arguments := append(slices.Clone(options), "install", "-y", "--no-install-recommends")
	if !b.root {
		arguments = append(arguments, "--download-only")
	}
	if err := b.run(ctx, installTimeout, "apt-get", append(arguments, packages...)...); err != nil {
		return err
	}
	if b.root {
		return nil
	}
	return b.unpack(ctx)
}

// options gives an ordinary user's apt-get a state and a cache of its own; what
// is installed it still learns from the system.
func (b bringer) options() ([]string, error) {
	if b.root {
		return []string{"-q"}, nil
	}
	apt, err := filepath.Abs(filepath.Join(b.dir, "apt"))
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(apt, sub), 0o755); err != nil {
			return nil, err
		}
	}
	return []string{
		"-q", "-o", "Dir::State=" + apt + "/state", "-o", "Dir::State::status=/var/lib/dpkg/status",
		"-o", "Dir::Cache=" + apt + "/cache", "-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User=",
	}, nil
}

func (b bringer) unpack(ctx context.Context) error {
	archives, err := filepath.Glob(filepath.Join(b.dir, "apt/cache/archives/*.deb"))
	if err != nil || len(archives) == 0 {
		return fmt.Errorf("nothing was downloaded: %w", errors.Join(err, os.ErrNotExist))
	}
	for _, archive := range archives {
		if err := b.run(ctx, unpackTimeout, "dpkg", "-x", archive, filepath.Join(b.dir, "root")); err != nil {
			return err
		}
	}
	return nil
}

// starters writes a script for each command that finds its libraries and
// modules below the directory.
func (b bringer) starters(wants []want) error {
	root, err := filepath.Abs(filepath.Join(b.dir, "root"))
	if err != nil {
		return err
	}
	bin := filepath.Join(b.dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	libraries, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-*"))
	if err != nil {
		return err
	}
	libraries = append(libraries, filepath.Join(root, "usr/lib"))
	for _, w := range wants {
		script := fmt.Sprintf("#!/bin/sh\nLD_LIBRARY_PATH='%s' PYTHONPATH='%s' exec '%s' \"$@\"\n",
			strings.Join(libraries, ":"), filepath.Join(root, "usr/lib/python3/dist-packages"),
			filepath.Join(root, "usr/bin", w.command))
		if err := os.WriteFile(filepath.Join(bin, w.command), []byte(script), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// run starts a program quietly; only when it fails the end of what it said is
// part of the error.
func (b bringer) run(ctx context.Context, timeout time.Duration, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	cmd.WaitDelay = probeTimeout
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if len(out) > logTailBytes {
		out = out[len(out)-logTailBytes:]
	}
	return fmt.Errorf("%s: %w: %s", name, err, strings.Join(strings.Fields(string(out)), " "))
}
