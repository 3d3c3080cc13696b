package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRunReportsFaultsOfEveryKind starts a process with one fault of each kind:
// missing, unreadable, unknown.
func TestRunReportsFaultsOfEveryKind(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	code := dispatch(t.Context(), []string{
		"run", "repayment", "nobody", "--log-format=xml", "--shutdown-timeout=soon",
		"--database-urls=cor=postgres://u:geheim@h/core", "--database-url=", "--kafka-seeds=", "--data-keys=k:geheim",
	}, streams{in: strings.NewReader(""), out: &out, err: &errs})
	if code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	for _, want := range []string{
		`no role "nobody"`, "TENOR_LOG_FORMAT", "ShutdownTimeout", "TENOR_DATABASE_URL: required",
		"TENOR_KAFKA_SEEDS: required", `no database "cor"`, "TENOR_DATA_KEYS",
	} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("%q is not reported in:\n%s", want, errs.String())
		}
	}
	if strings.Contains(out.String()+errs.String(), "geheim") {
		t.Errorf("a secret is shown:\n%s", errs.String())
	}
}

// TestSecretsAreForTheirOwnerAndKept reads back what it wrote, and refuses to
// make new secrets over a file that it cannot read.
func TestSecretsAreForTheirOwnerAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets.json")
	made, err := loadSecrets(path)
	if err != nil {
		t.Fatal(err)
	}
	made.Gateway = "https://localhost:8000"
	if err := made.save(); err != nil {
		t.Fatal(err)
	}
	found, err := loadSecrets(path)
	if err != nil || *found != *made {
		t.Errorf("read back %v, want what was written", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v; want one", len(entries), err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSecrets(path); err == nil {
		t.Error("a broken file was replaced by new secrets")
	}
}
