package dbtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/tenor-lending/tenor/internal/devstack"
)

// A test process has no hook that runs when its last test ended, and may be
// killed. So the server is started and stopped by a keeper: this same program,
// run again, that lives until its standard input closes, which the kernel sees
// to however the test process dies.

// keeperEnv turns a test program into a keeper.
const keeperEnv = "TENOR_DBTEST_KEEPER"

// keeperReport is the one line that a keeper writes.
type keeperReport struct {
	DSN   string `json:"dsn,omitempty"`
	Error string `json:"error,omitempty"`
}

// keeperLife holds the pipe whose closing ends the keeper; it is never closed
// by us on purpose.
var keeperLife io.WriteCloser

func init() {
	if os.Getenv(keeperEnv) == "" {
		return
	}
	_ = os.Unsetenv(keeperEnv)
	err := keep(os.Stdin, os.Stdout)
	if err != nil {
		os.Exit(devstack.ExitFailed)
	}
	os.Exit(0)
}

// keep starts a database, reports it, and stops it when life ends.
func keep(life io.Reader, report io.Writer) error {
	database, err := devstack.StartDatabase(context.Background(), devstack.DatabaseOptions{})
	if err != nil {
		return errors.Join(err, json.NewEncoder(report).Encode(keeperReport{Error: err.Error()}))
	}
	err = json.NewEncoder(report).Encode(keeperReport{DSN: database.DSN})
	if err == nil {
		_, err = io.Copy(io.Discard, life)
	}
	return errors.Join(err, database.Stop())
}

// startKeeper runs a keeper and returns the DSN of its server.
func startKeeper(ctx context.Context) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(self) //nolint:noctx // it must outlive the context of the test that came first
	cmd.Env = append(os.Environ(), keeperEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us; we end it
	life, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	err = cmd.Start()
	if err != nil {
		return "", fmt.Errorf("starting the keeper of the test database: %w", err)
	}
	keeperLife = life
	line := make(chan keeperReport, 1)
	go func() { line <- readReport(out) }()
	select {
	case report := <-line:
		if report.Error != "" {
			return "", errors.New(report.Error)
		}
		return report.DSN, nil
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), keeperLife.Close())
	}
}

func readReport(from io.Reader) keeperReport {
	var report keeperReport
	line, err := bufio.NewReader(from).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &report)
	}
	if err != nil {
		report.Error = "the keeper of the test database ended without a word: " + err.Error()
	}
	return report
}
