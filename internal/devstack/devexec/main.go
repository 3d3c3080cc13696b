// Command devexec runs a command with a database, and on demand a Kafka broker,
// that live as long as the command:
//
//	go run ./internal/devstack/devexec [-kafka] [-no-database] -- go test ./...
//	go run ./internal/devstack/devexec -clean .dev
//	go run ./internal/devstack/devexec -kafka-check
//
// It owns flags and signals; everything else is package devstack.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tenor-lending/tenor/internal/devstack"
)

func main() {
	os.Exit(run())
}

func run() int {
	kafka := flag.Bool("kafka", false, "start a real Apache Kafka as well")
	kafkaCheck := flag.Bool("kafka-check", false,
		fmt.Sprintf("bring Apache Kafka without starting it and exit; status %d where that cannot be done",
			devstack.ExitUnavailable))
	noDatabase := flag.Bool("no-database", false, "start no database")
	clean := flag.String("clean", "", "remove this directory of kept data and exit")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if *clean != "" {
		return report(devstack.Clean(*clean))
	}
	if *kafkaCheck {
		return report(devstack.PrepareKafka(ctx, devstack.KafkaOptions{Log: say}))
	}
	opts := devstack.ExecOptions{Kafka: *kafka, NoDatabase: *noDatabase, Stderr: os.Stderr}
	return devstack.Exec(ctx, opts, flag.Args())
}

// report turns an error into a line and an exit code.
func report(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, devstack.ErrUnavailable):
		say(err.Error())
		return devstack.ExitUnavailable
	}
	say(err.Error())
	return devstack.ExitFailed
}

func say(line string) { _, _ = fmt.Fprintln(os.Stderr, "devexec: "+line) }
