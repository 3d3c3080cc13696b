package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/config"
)

// TestReadmeTourWorksAsPrinted runs the shell lines of the README's tour, in
// order and in one shell, against a platform as `make up` starts it. Only the
// port may differ from what is printed, for 8000 may be taken, and where the tour
// sleeps until the services have heard of each other, they have here: a machine
// may be too busy for that to take a second.
//
//nolint:paralleltest // a whole platform: one at a time
func TestReadmeTourWorksAsPrinted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), flowTimeout)
	defer cancel()
	for _, tool := range []string{"bash", "curl", "openssl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT RUN: the tour needs %s, which is not on this machine", tool)
		}
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	must(t, err)
	dir := t.TempDir()
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "bin", "tenor"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	p, err := startPlatform(ctx, platformOptions{
		dir: filepath.Join(dir, defaultDir), ephemeral: true, tls: true, environ: withoutBroker(testEnviron(t)),
		say: func(format string, args ...any) { t.Logf(format, args...) },
	})
	must(t, err)
	defer func() { must(t, p.stop()) }()
	script := strings.ReplaceAll(tourOf(string(readme)), "localhost:8000",
		fmt.Sprintf("localhost:%d", gatewayPort+p.cfg.PortOffset))
	shell := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail")
	shell.Dir = dir
	rest := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if err := client.Until(ctx, "the services to rest", func() (bool, error) { return p.rests(ctx) }); err != nil {
			t.Error(err)
		}
	}))
	defer rest.Close()
	shell.Stdin = strings.NewReader("sleep() { curl -sS " + rest.URL + "; }\n" + script)
	var out bytes.Buffer
	shell.Stdout, shell.Stderr = &out, &out
	if err := shell.Run(); err != nil {
		t.Errorf("the tour ended: %v", err)
	}
	for _, want := range []string{
		`"stage":"INPUT"`, "KYC_REVIEW", "wrong-stage", `"amount":"969.73"`, `"apr_percent":"17.07"`, `"balanced":true`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the tour does not show %s", want)
		}
	}
	if t.Failed() {
		t.Logf("the tour printed:\n%s", out.String())
	}
}

// rests tells whether every event that is committed is handled, and every event
// that came of that.
func (p *platform) rests(ctx context.Context) (bool, error) {
	kafka, err := kgo.NewClient(kgo.SeedBrokers(p.cfg.KafkaSeeds...))
	if err != nil {
		return false, err
	}
	defer kafka.Close()
	handled := func() (int64, error) { // the end of all topics, if all consumers have come there
		groups, err := kadm.NewClient(kafka).Lag(ctx)
		if err = errors.Join(err, groups.Error()); err != nil {
			return 0, err
		}
		end := int64(0)
		for _, group := range groups {
			for _, partition := range group.Lag.Sorted() {
				if partition.Lag != 0 {
					return -1, nil
				}
				end += partition.End.Offset
			}
		}
		return end, nil
	}
	before, err := handled()
	if err != nil || before <= 0 {
		return false, err
	}
	for _, name := range databases() {
		if waiting, err := p.waiting(ctx, name); err != nil || waiting {
			return false, err
		}
	}
	after, err := handled()
	return after == before, err
}

// waiting tells whether a database has events that are not published.
func (p *platform) waiting(ctx context.Context, name string) (waiting bool, err error) {
	dsn, err := p.cfg.DatabaseDSN(name)
	if err != nil {
		return false, err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return false, err
	}
	err = conn.QueryRow(ctx, `select exists (select 1 from outbox)`).Scan(&waiting)
	return waiting, errors.Join(err, conn.Close(ctx))
}

// tourOf returns the shell blocks of a Markdown text.
func tourOf(text string) string {
	var script strings.Builder
	for i, block := range strings.Split(text, "```") {
		if code, isShell := strings.CutPrefix(block, "sh\n"); isShell && i%2 == 1 {
			script.WriteString(code)
		}
	}
	return script.String()
}

// withoutBroker leaves the broker to the platform: the tour does not wait for
// what earlier tests left in the topics of a shared one.
func withoutBroker(environ []string) []string {
	return slices.DeleteFunc(environ, func(entry string) bool {
		return strings.HasPrefix(entry, config.Prefix+"KAFKA_SEEDS=")
	})
}
