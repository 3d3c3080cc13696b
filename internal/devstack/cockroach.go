package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// cockroachMemory bounds a single-node server on a developer's machine.
const cockroachMemory = "1GiB"

// startCockroach starts a single-node, insecure CockroachDB from a binary on
// the PATH. In memory for one run, on disk for kept data. It listens on the
// loopback only.
func startCockroach(ctx context.Context, opts DatabaseOptions) (*Database, error) {
	binary, err := exec.LookPath("cockroach")
	if err != nil {
		return nil, fmt.Errorf("a cockroach binary: %w", errAbsent)
	}
	inst, err := cockroachInstance(ctx, opts)
	if err != nil {
		return nil, err
	}
	opts.say("starting CockroachDB from %s", binary)
	database, err := runCockroach(ctx, opts, inst, binary)
	if err != nil {
		return nil, errors.Join(err, inst.release())
	}
	return database, nil
}

func cockroachInstance(ctx context.Context, opts DatabaseOptions) (*instance, error) {
	if opts.Dir == "" {
		return newInstance(ctx, account{}, runDirs())
	}
	dir, err := keptDir(ctx, account{}, opts.Dir, "cockroach")
	if err != nil {
		return nil, err
	}
	return takeDir(dir)
}

func runCockroach(ctx context.Context, opts DatabaseOptions, inst *instance, binary string) (*Database, error) {
	urlFile := inst.path("listening-url")
	err := os.RemoveAll(urlFile)
	if err != nil {
		return nil, err
	}
	logPath := inst.path("cockroach.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	server, err := startProcess(processSpec{
		name: "CockroachDB", path: binary, dir: inst.dir, env: childEnvironment(inst.dir),
		args: cockroachArgs(opts.Port, inst, urlFile), output: log, death: syscall.SIGTERM,
	})
	closeErr := log.Close()
	if err != nil {
		return nil, errors.Join(err, closeErr)
	}
	database := &Database{
		Source: "CockroachDB from " + binary, Dir: inst.dir, server: server,
		steps: []signalStep{{syscall.SIGTERM, fastStopWait}, {syscall.SIGQUIT, hardStopWait}},
	}
	err = server.waitReady(ctx, databaseReadyWait, func(ctx context.Context) error {
		content, err := os.ReadFile(urlFile)
		if err != nil {
			return err
		}
		database.DSN = strings.TrimSpace(string(content))
		return ping(ctx, database.DSN)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", err, logTail(logPath)), database.Stop())
	}
	database.inst = inst
	return database, nil
}

// cockroachArgs are the arguments of a loopback-only single node. The server
// writes the URL it listens on to urlFile once it is up.
func cockroachArgs(port int, inst *instance, urlFile string) []string {
	store := "--store=type=mem,size=" + cockroachMemory
	if !inst.ephemeral {
		store = "--store=path=" + inst.path("store")
	}
	return []string{
		"start-single-node", "--insecure", store,
		"--listen-addr=127.0.0.1:" + strconv.Itoa(port),
		"--http-addr=127.0.0.1:0",
		"--cache=256MiB", "--max-sql-memory=256MiB",
		"--log-dir=" + inst.path("logs"),
		"--listening-url-file=" + urlFile,
	}
}
