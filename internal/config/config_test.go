package config_test

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/tenor-lending/tenor/internal/config"
)

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, _, err := config.Load([]string{
		"TENOR_DATABASE_URL=mysql://x", "TENOR_DATABASE_MAX_CONNS=many", "TENOR_KAFKA_SEEDS=localhost",
		"TENOR_LOG_FORMAT=xml", "TENOR_TYPO=1", "TENOR_IDENTITY_ACCESS_TTL=48h", "TENOR_GATEWAY_TLS_CERT=/nowhere.pem",
		"TENOR_CLOSE_OF_DAY_ZONE=Mars/Olympus", "TENOR_PAYOUT_FAIL_PERCENT=101", "HOME=/ignored",
		"TENOR_JWKS_URL=identity:8013", "TENOR_AGREEMENT_CODE_TTL=-1s", "TENOR_AGREEMENT_KEY_FILE=/nowhere.key",
		"TENOR_PAYOUT_DELAY=-1s", "TENOR_INBOX_RETENTION=24h", "TENOR_CLOSE_OF_DAY_CRON=every night",
		"TENOR_DATABASE_URLS=core postgres://u:geheim@h/core",
	}, []string{"--port-offset=-1", "--log-level", "loud"}, io.Discard)
	if err == nil {
		t.Fatal("no fault was found")
	}
	for _, name := range []string{
		"DATABASE_URL", "DatabaseMaxConns", "KAFKA_SEEDS", "LOG_FORMAT", "TENOR_TYPO", "IDENTITY_ACCESS_TTL",
		"GATEWAY_TLS_CERT", "CLOSE_OF_DAY_ZONE", "PAYOUT_FAIL_PERCENT", "PORT_OFFSET", "LOG_LEVEL",
		"JWKS_URL", "AGREEMENT_CODE_TTL", "AGREEMENT_CERT_FILE", "AGREEMENT_KEY_FILE", "PAYOUT_DELAY", "DATABASE_URLS",
		"CLOSE_OF_DAY_CRON", "INBOX_RETENTION",
	} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not reported in:\n%v", name, err)
		}
	}
}

func TestFlagsOverrideTheEnvironment(t *testing.T) {
	t.Parallel()
	cfg, rest, err := config.Load(
		[]string{"TENOR_PORT_OFFSET=1", "TENOR_KAFKA_SEEDS=a:1,b:2", "TENOR_LOG_LEVEL="},
		[]string{"--port-offset", "100", "kyc", "risk"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.PortOffset != 100 || len(cfg.KafkaSeeds) != 2 || cfg.LogLevel != "info" {
		t.Errorf("got %d, %v, %q", cfg.PortOffset, cfg.KafkaSeeds, cfg.LogLevel)
	}
	if strings.Join(rest, " ") != "kyc risk" {
		t.Errorf("rest %v", rest)
	}
}

func TestHelpIsNoFault(t *testing.T) {
	t.Parallel()
	var usage strings.Builder
	_, _, err := config.Load(nil, []string{"--help"}, &usage)
	if !errors.Is(err, flag.ErrHelp) || !strings.Contains(usage.String(), "TENOR_DATABASE_URL") {
		t.Errorf("%v; usage:\n%s", err, usage.String())
	}
}

func TestEachDatabaseHasItsDSN(t *testing.T) {
	t.Parallel()
	cfg, _, err := config.Load([]string{
		"TENOR_DATABASE_URL=postgres://u:p@h:5432/postgres?sslmode=disable",
		"TENOR_DATABASE_URLS=core=postgres://core@elsewhere/x; kyc = postgres://k@h/y",
	}, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"risk": "postgres://u:p@h:5432/risk?sslmode=disable",
		"core": "postgres://core@elsewhere/x",
		"kyc":  "postgres://k@h/y",
	} {
		if got, err := cfg.DatabaseDSN(name); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestDatabasesAreMigratedByTheirOwner(t *testing.T) {
	t.Parallel()
	base := []string{"TENOR_DATABASE_URL=postgres://app:p@h/x", "TENOR_DATABASE_URLS=kyc=postgres://app@k/kyc"}
	for _, c := range []struct {
		settings, core, kyc string
	}{
		{"", "postgres://app:p@h/core", "postgres://app@k/kyc"},
		{"TENOR_DATABASE_OWNER_URL=postgres://owner@h/x", "postgres://owner@h/core", "postgres://owner@h/kyc"},
		{"TENOR_DATABASE_OWNER_URLS=kyc=postgres://owner@k/kyc", "postgres://app:p@h/core", "postgres://owner@k/kyc"},
	} {
		cfg, _, err := config.Load(append(base, c.settings), nil, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"core": c.core, "kyc": c.kyc} {
			if got, err := cfg.DatabaseOwnerDSN(name); err != nil || got != want {
				t.Errorf("%s: %s is owned by %q, %v; want %q", c.settings, name, got, err, want)
			}
		}
	}
	_, _, err := config.Load([]string{"TENOR_DATABASE_OWNER_URL=mysql://h/x", "TENOR_DATABASE_OWNER_URLS=core"}, nil,
		io.Discard)
	for _, want := range []string{"TENOR_DATABASE_OWNER_URL: ", "TENOR_DATABASE_OWNER_URLS: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

// TestOverridesOfDatabasesAreChecked has faults that would send a service's data
// to the wrong cluster, and none may show the password.
func TestOverridesOfDatabasesAreChecked(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"": true, " ; ": true, "core=postgres://u:geheim@h/c;kyc=postgresql://h/k;": true,
		"core": false, "core=u:geheim@h/c": false,
		"core=postgres://u:geheim@h/c;core=postgres://h/k": false, "postgres://u:geheim@h/c": false,
		"core=postgres://u:geheim%zz@h/c": false,
	} {
		_, _, err := config.Load([]string{"TENOR_DATABASE_URLS=" + text}, nil, io.Discard)
		if (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: the fault shows the password: %v", text, err)
		}
	}
	cfg, _, err := config.Load([]string{"TENOR_DATABASE_URLS=core=postgres://h/c; kyc = postgres://h/k"}, nil, io.Discard)
	if err != nil || strings.Join(cfg.DatabaseOverrides(), " ") != "core kyc" {
		t.Errorf("overrides %v, %v", cfg.DatabaseOverrides(), err)
	}
}
