package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Environment variables through which tests find the servers.
const (
	// DatabaseEnv holds the administrator's DSN of the database server.
	DatabaseEnv = "TENOR_TEST_DATABASE_URL"
	// KafkaEnv holds the comma-separated seed addresses of a Kafka cluster.
	KafkaEnv = "TENOR_TEST_KAFKA_SEEDS"
)

// Exit codes of Exec beside the child's own.
const (
	// ExitUnavailable says that a part could not be brought to this machine
	// (no Java, no registry). It is EX_UNAVAILABLE of sysexits.h.
	ExitUnavailable = 69
	// ExitFailed says that the stack did not start or the child could not run.
	ExitFailed = 70
)

// childStopWait is how long the command has to end after a signal of ours.
const childStopWait = 30 * time.Second

// ExecOptions says what the command needs.
type ExecOptions struct {
	// Database to start; ignored when NoDatabase is set.
	Database DatabaseOptions
	// NoDatabase leaves the database out.
	NoDatabase bool
	// Kafka starts a real Apache Kafka as well.
	Kafka bool
	// Stderr receives one line for each step and each fault.
	Stderr io.Writer
}

// Exec starts the stack for one run, runs the command with the servers'
// addresses in its environment, stops everything, and returns the command's
// exit code. When ctx ends, the command gets SIGTERM and then the stack stops.
func Exec(ctx context.Context, opts ExecOptions, command []string) (code int) {
	say := func(line string) { _, _ = fmt.Fprintln(opts.Stderr, "devstack: "+line) }
	if len(command) == 0 {
		say("no command given")
		return ExitFailed
	}
	if opts.Database.DSN == "" {
		opts.Database.DSN = os.Getenv(DatabaseEnv)
	}
	opts.Database.Log = say
	env := os.Environ()
	if !opts.NoDatabase {
		database, err := StartDatabase(ctx, opts.Database)
		if err != nil {
			say(err.Error())
			return ExitFailed
		}
		defer stopLast(say, &code, database.Stop)
		say("database: " + database.Source)
		env = append(env, DatabaseEnv+"="+database.DSN)
	}
	if opts.Kafka {
		seeds, stop, err := kafkaSeeds(ctx, say)
		if errors.Is(err, ErrUnavailable) {
			say("Apache Kafka: " + err.Error())
			return ExitUnavailable
		}
		if err != nil {
			say(err.Error())
			return ExitFailed
		}
		defer stopLast(say, &code, stop)
		env = append(env, KafkaEnv+"="+seeds)
	}
	return runCommand(ctx, say, env, command)
}

// stopLast ends a part; a part that does not end makes a good run bad.
func stopLast(say func(string), code *int, stop func() error) {
	err := stop()
	if err != nil {
		say(err.Error())
		if *code == 0 {
			*code = ExitFailed
		}
	}
}

// kafkaSeeds returns the given seeds, or starts Apache Kafka.
func kafkaSeeds(ctx context.Context, say func(string)) (seeds string, stop func() error, err error) {
	seeds = os.Getenv(KafkaEnv)
	if seeds != "" {
		return seeds, func() error { return nil }, nil
	}
	kafka, err := StartKafka(ctx, KafkaOptions{Log: say})
	if err != nil {
		return "", nil, err
	}
	say("broker: " + kafka.Source)
	return strings.Join(kafka.Seeds, ","), kafka.Stop, nil
}

// runCommand runs the child in its own process group and ends that whole group
// with it: a test runner has children too.
func runCommand(ctx context.Context, say func(string), env, command []string) int {
	path, err := exec.LookPath(command[0])
	if err != nil {
		say(err.Error())
		return ExitFailed
	}
	child, err := startProcess(processSpec{
		name: command[0], path: path, args: command[1:], env: env, death: syscall.SIGTERM,
	})
	if err != nil {
		say(err.Error())
		return ExitFailed
	}
	group := -child.cmd.Process.Pid
	select {
	case <-child.done:
	case <-ctx.Done():
		say("stopping " + command[0])
		_ = syscall.Kill(group, syscall.SIGTERM)
		select {
		case <-child.done:
		case <-time.After(childStopWait):
			_ = syscall.Kill(group, syscall.SIGKILL)
			<-child.done
		}
	}
	_ = syscall.Kill(group, syscall.SIGKILL) // whatever the command left behind
	var exit *exec.ExitError
	switch {
	case child.err == nil && ctx.Err() == nil:
		return 0
	case errors.As(child.err, &exit) && exit.Exited():
		return exit.ExitCode()
	case child.err != nil:
		say(child.err.Error())
	}
	return ExitFailed
}
