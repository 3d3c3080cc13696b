// Command devexec runs a command with a database, and on demand a Kafka broker,
// that live as long as the command:
//
//	go run ./internal/devstack/devexec [-kafka] [-no-database] -- go test ./...
//	go run ./internal/devstack/devexec -clean .dev
//
// It owns flags and signals; everything else is package devstack.
package main

import (
	"context"
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
	noDatabase := flag.Bool("no-database", false, "start no database")
	clean := flag.String("clean", "", "remove this directory of kept data and exit")
	flag.Parse()
	if *clean != "" {
		err := devstack.Clean(*clean)
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "devexec:", err)
			return devstack.ExitFailed
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	opts := devstack.ExecOptions{Kafka: *kafka, NoDatabase: *noDatabase, Stderr: os.Stderr}
	return devstack.Exec(ctx, opts, flag.Args())
}
