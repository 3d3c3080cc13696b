package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/journey"
)

// TestDataSurvivesARestart keeps a platform on a directory, as `make up` does:
// after a stop and a start the borrower's application is where it was and her
// review goes on; cleaning removes everything.
//
//nolint:paralleltest // a whole platform: one at a time
func TestDataSurvivesARestart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), flowTimeout)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "kept")
	offset, claim, err := claimOffset(ctx, anyRange())
	must(t, err)
	defer func() { must(t, claim.Close()) }()
	start := func() *platform {
		p, err := startPlatform(ctx, platformOptions{
			dir: dir, tls: true, environ: []string{
				config.Prefix + "GATEWAY_LOGIN_PER_MINUTE=6000", config.Prefix + "PORT_OFFSET=" + strconv.Itoa(offset),
			},
			say: func(format string, args ...any) { t.Logf(format, args...) },
		})
		must(t, err)
		return p
	}
	p := start()
	borrower, id := borrowerWithCase(ctx, t, p, "Asha Rao")
	must(t, p.stop())
	p = start()
	token, err := fetchToken(ctx, dir, "officer")
	must(t, err)
	found, err := journey.WaitStage(ctx, p.client.As(token), id, "KYC_REVIEW")
	must(t, err)
	staff, err := p.staff(ctx)
	must(t, err)
	must(t, staff.ReviewKYC(ctx, found.ID, true))
	_, err = journey.WaitStage(ctx, p.client.As(token), id, "RISK_ASSESSMENT")
	must(t, err)
	again, err := journey.Login(ctx, p.client, borrower.Email, "correct horse battery staple")
	if err != nil || again == "" {
		t.Errorf("the borrower cannot log in any more: %v", err)
	}
	today := civil.DateOf(time.Now().UTC()).String() // in the zone of the book
	code, out, errs := run(t, "close-of-day", "--dir", dir, "--through", today)
	if code != 0 || !strings.Contains(out, "DONE: ") || !strings.Contains(out, "ledger and loans: AGREES") {
		t.Errorf("close of day ended with %d: %s%s", code, out, errs)
	}
	must(t, p.stop())
	secretFiles(t, dir)
	must(t, devstack.Clean(dir))
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("cleaning left %s: %v", dir, err)
	}
}

// secretFiles must be readable to their owner only.
func secretFiles(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"secrets.json", "tenor.log", "tls/gateway-key.pem"} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", name, info.Mode())
		}
	}
}

func run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), flowTimeout)
	defer cancel()
	code = dispatch(ctx, args, streams{in: strings.NewReader(""), out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

func TestListShowsEveryRole(t *testing.T) {
	t.Parallel()
	code, out, _ := run(t, "list")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	for _, name := range strings.Fields("gateway customer application document kyc risk discussion approval agreement " +
		"activation repayment notification ledger identity closeofday") {
		if !strings.Contains(out, "\n"+name+" ") {
			t.Errorf("%s is not in:\n%s", name, out)
		}
	}
	ports := make(map[int]string)
	for _, s := range services {
		if other, taken := ports[s.Port]; taken {
			t.Errorf("%s and %s both have port %d", s.Name, other, s.Port)
		}
		ports[s.Port] = s.Name
	}
}

// TestRunReportsEveryFaultAtOnce: nothing is started, and nobody has to start
// again for the next message.
func TestRunReportsEveryFaultAtOnce(t *testing.T) {
	t.Setenv("TENOR_LOG_LEVEL", "loud")
	t.Setenv("TENOR_NO_SUCH_SETTING", "1")
	code, _, errs := run(t, "run", "kyc", "riks", "--port-offset=-5")
	if code != exitUsage {
		t.Errorf("exit %d, want %d", code, exitUsage)
	}
	for _, want := range []string{
		"LOG_LEVEL", "NO_SUCH_SETTING", `"riks"`, "PORT_OFFSET", "DATABASE_URL: required", "KAFKA_SEEDS: required",
		"DATA_KEYS: required",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("%s is not reported in:\n%s", want, errs)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	if code, out, _ := run(t); code != 0 || !strings.Contains(out, "tenor COMMAND") {
		t.Errorf("no arguments: exit %d\n%s", code, out)
	}
	if code, _, errs := run(t, "dmeo"); code != exitUsage || !strings.Contains(errs, `"dmeo"`) {
		t.Errorf("a wrong word: exit %d\n%s", code, errs)
	}
	if code, _, errs := run(t, "migrate", "nowhere", "--database-url=postgres://x/y"); code != exitUsage ||
		!strings.Contains(errs, `"nowhere"`) {
		t.Errorf("a wrong database: exit %d\n%s", code, errs)
	}
	if code, _, _ := run(t, "token", "nobody"); code != exitUsage {
		t.Errorf("a wrong name: exit %d", code)
	}
	value, rest := takeFlag([]string{"a", "--dir=x", "--port-offset", "1", "--directory=y"}, "dir", "z")
	if value != "x" || !slices.Equal(rest, []string{"a", "--port-offset", "1", "--directory=y"}) {
		t.Errorf("takeFlag: %q, %q", value, rest)
	}
}
