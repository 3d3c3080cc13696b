package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/journey"
)

// flowTimeout bounds one test of a whole flow.
const flowTimeout = 15 * time.Minute

// testEnviron is the configuration of a platform whose databases are this
// test's own and whose broker is the one that tests were given, or embedded.
// The services have the rights of services only.
func testEnviron(t *testing.T) []string {
	t.Helper()
	login := dbtest.NewLogin(t)
	var owners, overrides []string
	for _, name := range databases() {
		dsn := dbtest.DSN(t, name)
		must(t, database.Grant(t.Context(), dsn, login.On(dsn), name))
		owners, overrides = append(owners, name+"="+dsn), append(overrides, name+"="+login.On(dsn))
	}
	_, server, _ := strings.Cut(overrides[0], "=")
	environ := []string{
		config.Prefix + "DATABASE_URL=" + server, config.Prefix + "DATABASE_URLS=" + strings.Join(overrides, ";"),
		config.Prefix + "DATABASE_OWNER_URLS=" + strings.Join(owners, ";"),
		config.Prefix + "GATEWAY_LOGIN_PER_MINUTE=6000", config.Prefix + "LOG_LEVEL=info",
	}
	if seeds := os.Getenv("TENOR_TEST_KAFKA_SEEDS"); seeds != "" {
		environ = append(environ, config.Prefix+"KAFKA_SEEDS="+seeds)
	}
	return environ
}

// startTestPlatform runs the whole platform in this process until the test ends.
func startTestPlatform(t *testing.T, settings ...string) (*platform, *journey.Staff) {
	t.Helper()
	p, err := startPlatform(t.Context(), platformOptions{
		dir: t.TempDir(), ephemeral: true, environ: append(testEnviron(t), settings...),
		say: func(format string, args ...any) { t.Logf(format, args...) },
	})
	if err != nil {
		t.Fatalf("starting the platform: %v", err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("stopping the platform: %v", err)
		}
		if t.Failed() {
			showLog(t, p.logPath)
		}
	})
	staff, err := p.staff(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p, staff
}

const logTailBytes = 6000

func showLog(t *testing.T, path string) {
	t.Helper()
	log, err := os.ReadFile(path)
	if err != nil {
		t.Logf("no log: %v", err)
		return
	}
	var lines []string
	for line := range strings.Lines(string(log)) {
		if !strings.Contains(line, "level=INFO") {
			lines = append(lines, line)
		}
	}
	text := strings.Join(lines, "")
	t.Logf("the platform's warnings and errors:\n%s", text[max(0, len(text)-logTailBytes):])
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// borrowerWithCase registers a borrower and hands in a complete application.
func borrowerWithCase(ctx context.Context, t *testing.T, p *platform, name string) (*journey.Borrower, string) {
	t.Helper()
	borrower, err := journey.Register(ctx, p.client, name)
	must(t, err)
	id, err := borrower.Apply(ctx, illustrationApplication())
	must(t, err)
	must(t, borrower.SubmitIdentity(ctx))
	must(t, borrower.UploadDocuments(ctx, id))
	_, err = journey.WaitStage(ctx, borrower.Client, id, "KYC_REVIEW")
	must(t, err)
	return borrower, id
}
