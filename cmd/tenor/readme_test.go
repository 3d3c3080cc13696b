package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tenor-lending/tenor/internal/config"
)

// TestReadmeTourWorksAsPrinted runs the shell lines of the README's tour, in
// order and in one shell, against a platform as `make up` starts it. Only the
// port may differ from what is printed: 8000 may be taken.
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
	shell.Stdin = strings.NewReader(script)
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
