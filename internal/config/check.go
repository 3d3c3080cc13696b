package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// field is one setting: its environment variable, its flag and its meaning.
type field struct {
	variable, flag, doc string
}

// fields lists every setting, from the struct tags of Config.
func fields() []field { return fieldsOf(reflect.TypeFor[Config](), Prefix) }

func fieldsOf(t reflect.Type, prefix string) []field {
	var list []field
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if nested, ok := tag.Lookup("envPrefix"); ok {
			list = append(list, fieldsOf(t.Field(i).Type, prefix+nested)...)
			continue
		}
		variable := prefix + tag.Get("env")
		name := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, Prefix), "_", "-"))
		list = append(list, field{variable: variable, flag: name, doc: tag.Get("doc")})
	}
	return list
}

const (
	maxConnsLimit   = 200
	portOffsetLimit = 50_000
	partitionsLimit = 1_000
	// inboxRetentionMin is more than a broker keeps events by default, which is a week.
	inboxRetentionMin = 8 * 24 * time.Hour
	accessTTLMin      = time.Minute
	accessTTLMax      = time.Hour
	keyTTLMin         = time.Hour
)

// check returns every fault of the values themselves.
func (c *Config) check() []error {
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s%s: %s", Prefix, name, fmt.Sprintf(format, args...)))
	}
	if c.DatabaseURL != "" && !isURL(c.DatabaseURL, "postgres", "postgresql") {
		fault("DATABASE_URL", "want postgres://…")
	}
	if c.DatabaseOwnerURL != "" && !isURL(c.DatabaseOwnerURL, "postgres", "postgresql") {
		fault("DATABASE_OWNER_URL", "want postgres://…")
	}
	checkOverrides("DATABASE_URLS", c.DatabaseURLs, fault)
	checkOverrides("DATABASE_OWNER_URLS", c.DatabaseOwnerURLs, fault)
	if c.JWKSURL != "" && !isURL(c.JWKSURL, "http", "https") {
		fault("JWKS_URL", "want http:// or https://")
	}
	if c.DatabaseMaxConns < 1 || c.DatabaseMaxConns > maxConnsLimit {
		fault("DATABASE_MAX_CONNS", "want 1 to %d, got %d", maxConnsLimit, c.DatabaseMaxConns)
	}
	for _, seed := range c.KafkaSeeds {
		if _, _, err := net.SplitHostPort(seed); err != nil {
			fault("KAFKA_SEEDS", "%q is not host:port", seed)
		}
	}
	if c.KafkaPartitions < 1 || c.KafkaPartitions > partitionsLimit {
		fault("KAFKA_PARTITIONS", "want 1 to %d, got %d", partitionsLimit, c.KafkaPartitions)
	}
	if c.KafkaReplication < 1 {
		fault("KAFKA_REPLICATION", "want at least 1, got %d", c.KafkaReplication)
	}
	if c.InboxRetention != 0 && c.InboxRetention < inboxRetentionMin {
		fault("INBOX_RETENTION", "want 0 or at least %s, got %s", inboxRetentionMin, c.InboxRetention)
	}
	if c.PortOffset < 0 || c.PortOffset > portOffsetLimit {
		fault("PORT_OFFSET", "want 0 to %d, got %d", portOffsetLimit, c.PortOffset)
	}
	if !slices.Contains([]string{"json", "text"}, c.LogFormat) {
		fault("LOG_FORMAT", "want json or text, got %q", c.LogFormat)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel) {
		fault("LOG_LEVEL", "want debug, info, warn or error, got %q", c.LogLevel)
	}
	if c.OTLPEndpoint != "" && !isURL(c.OTLPEndpoint, "http", "https") {
		fault("OTLP_ENDPOINT", "want http:// or https://")
	}
	if c.BlobURL != "" && !isURL(c.BlobURL, "file", "s3", "mem") {
		fault("BLOB_URL", "want file:// or s3://")
	}
	if c.ShutdownTimeout <= 0 {
		fault("SHUTDOWN_TIMEOUT", "want more than 0, got %s", c.ShutdownTimeout)
	}
	c.checkServices(fault)
	return faults
}

// checkOverrides looks at each name=URL. An entry that is misread would send a
// service's data to the wrong cluster. No part of a URL is repeated: it holds a
// password.
func checkOverrides(setting, overrides string, fault func(name, format string, args ...any)) {
	seen := make(map[string]bool)
	for entry := range strings.SplitSeq(overrides, ";") {
		name, dsn, found := strings.Cut(entry, "=")
		name = strings.TrimSpace(name)
		switch {
		case name == "" && !found:
			continue
		case !found || !isURL(strings.TrimSpace(dsn), "postgres", "postgresql"):
			fault(setting, "want name=postgres://…;name=postgres://…")
		case seen[name]:
			fault(setting, "%q is given twice", name)
		}
		seen[name] = true
	}
}

// DatabaseOverrides lists the databases that have a place of their own.
func (c *Config) DatabaseOverrides() []string {
	var names []string
	for entry := range strings.SplitSeq(c.DatabaseURLs+";"+c.DatabaseOwnerURLs, ";") {
		if name, _, found := strings.Cut(entry, "="); found {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

func (c *Config) checkServices(fault func(name, format string, args ...any)) {
	if (c.Identity.BootstrapEmail == "") != (c.Identity.BootstrapPassword == "") {
		fault("IDENTITY_BOOTSTRAP_EMAIL", "goes with %sIDENTITY_BOOTSTRAP_PASSWORD", Prefix)
	}
	if c.Identity.BootstrapEmail != "" {
		if _, err := mail.ParseAddress(c.Identity.BootstrapEmail); err != nil {
			fault("IDENTITY_BOOTSTRAP_EMAIL", "not an e-mail address")
		}
	}
	if c.Identity.AccessTTL < accessTTLMin || c.Identity.AccessTTL > accessTTLMax {
		fault("IDENTITY_ACCESS_TTL", "want %s to %s, got %s", accessTTLMin, accessTTLMax, c.Identity.AccessTTL)
	}
	if c.Identity.RefreshTTL < c.Identity.AccessTTL {
		fault("IDENTITY_REFRESH_TTL", "want at least the life of an access token, got %s", c.Identity.RefreshTTL)
	}
	if c.Identity.KeyTTL < keyTTLMin {
		fault("IDENTITY_KEY_TTL", "want at least %s, got %s", keyTTLMin, c.Identity.KeyTTL)
	}
	if c.Gateway.PublicURL != "" && !isURL(c.Gateway.PublicURL, "http", "https") {
		fault("GATEWAY_PUBLIC_URL", "want http:// or https://")
	}
	if c.Gateway.Timeout <= 0 {
		fault("GATEWAY_TIMEOUT", "want more than 0, got %s", c.Gateway.Timeout)
	}
	if (c.Gateway.TLSCert == "") != (c.Gateway.TLSKey == "") {
		fault("GATEWAY_TLS_CERT", "goes with %sGATEWAY_TLS_KEY", Prefix)
	}
	for name, file := range map[string]string{
		"GATEWAY_TLS_CERT": c.Gateway.TLSCert, "GATEWAY_TLS_KEY": c.Gateway.TLSKey,
		"AGREEMENT_CERT_FILE": c.Agreement.CertFile, "AGREEMENT_KEY_FILE": c.Agreement.KeyFile,
	} {
		if _, err := os.Stat(file); file != "" && err != nil {
			fault(name, "%v", errors.Unwrap(err))
		}
	}
	if c.Notify.SMTPURL != "" && !isURL(c.Notify.SMTPURL, "smtp", "smtps") {
		fault("NOTIFY_SMTP_URL", "want smtp://… or smtps://…")
	}
	if _, err := mail.ParseAddress(c.Notify.From); err != nil {
		fault("NOTIFY_FROM", "not an e-mail address")
	}
	if c.Gateway.RatePerSec < 1 || c.Gateway.RateBurst < 1 || c.Gateway.LoginPerMin < 1 {
		fault("GATEWAY_RATE_PER_SECOND", "rates want at least 1")
	}
	if _, err := time.LoadLocation(c.CloseOfDay.Zone); err != nil {
		fault("CLOSE_OF_DAY_ZONE", "%v", err)
	}
	if _, err := cron.ParseStandard(c.CloseOfDay.Cron); c.CloseOfDay.Cron != "" && err != nil {
		fault("CLOSE_OF_DAY_CRON", "%v", err)
	}
	if c.Agreement.CodeTTL <= 0 {
		fault("AGREEMENT_CODE_TTL", "want more than 0, got %s", c.Agreement.CodeTTL)
	}
	if (c.Agreement.CertFile == "") != (c.Agreement.KeyFile == "") {
		fault("AGREEMENT_CERT_FILE", "goes with %sAGREEMENT_KEY_FILE", Prefix)
	}
	if c.Payout.Delay < 0 {
		fault("PAYOUT_DELAY", "want at least 0, got %s", c.Payout.Delay)
	}
	const gcLeast, gcMost = 20, 2000
	if c.GCPercent < gcLeast || c.GCPercent > gcMost {
		fault("GC_PERCENT", "want %d to %d, got %d", gcLeast, gcMost, c.GCPercent)
	}
	if c.Payout.LosePercent < 0 || c.Payout.LosePercent > 100 {
		fault("PAYOUT_LOSE_PERCENT", "want 0 to 100, got %d", c.Payout.LosePercent)
	}
	if c.Payout.FailPercent < 0 || c.Payout.FailPercent > 100 {
		fault("PAYOUT_FAIL_PERCENT", "want 0 to 100, got %d", c.Payout.FailPercent)
	}
}

func isURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme)
}
