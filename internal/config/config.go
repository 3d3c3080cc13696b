// Package config owns what can be configured, by environment variables and by
// the flags of the same names, and checks all of it at start: every fault is
// reported at once.
//
// It must not start anything. Packages get the values they need, never the
// whole Config.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Prefix starts the name of every environment variable.
const Prefix = "TENOR_"

// Config is the whole configuration of a process, whatever roles it runs.
type Config struct {
	// DatabaseURL is a postgres:// URL; its database name is replaced by each
	// service's own.
	DatabaseURL string `env:"DATABASE_URL" doc:"postgres:// URL of the cluster; each service uses its own database there"`
	// DatabaseURLs gives single databases another place: "core=postgres://…;kyc=postgres://…".
	DatabaseURLs string `env:"DATABASE_URLS" doc:"overrides for single databases, core=URL;kyc=URL"`
	// DatabaseOwnerURL is the login that owns the tables. Only `tenor migrate` uses it.
	DatabaseOwnerURL  string        `env:"DATABASE_OWNER_URL" doc:"postgres:// URL that tenor migrate uses; it then makes the login of DATABASE_URL and grants it what services need, no more"`
	DatabaseOwnerURLs string        `env:"DATABASE_OWNER_URLS" doc:"overrides of it for single databases, core=URL;kyc=URL"`
	DatabaseMaxConns  int32         `env:"DATABASE_MAX_CONNS" envDefault:"8" doc:"connections per database and process, 1 to 200"`
	KafkaSeeds        []string      `env:"KAFKA_SEEDS" doc:"host:port of Kafka brokers, comma-separated"`
	KafkaPartitions   int32         `env:"KAFKA_PARTITIONS" envDefault:"12" doc:"partitions of each topic that is made, 1 to 1000: the most processes of one service that can share its events"`
	KafkaReplication  int16         `env:"KAFKA_REPLICATION" envDefault:"1" doc:"replicas of each topic, 3 in production"`
	InboxRetention    time.Duration `env:"INBOX_RETENTION" envDefault:"720h" doc:"how long services remember which events they have handled: longer than the broker can send one again, see docs/operating.md; 0: for ever"`
	ListenHost        string        `env:"LISTEN_HOST" envDefault:"127.0.0.1" doc:"address that the services listen on"`
	PortOffset        int           `env:"PORT_OFFSET" envDefault:"0" doc:"added to every service's port"`
	UpstreamHost      string        `env:"UPSTREAM_HOST" envDefault:"127.0.0.1" doc:"host where the gateway finds the services; {service} is replaced by the name"`
	JWKSURL           string        `env:"JWKS_URL" doc:"where identity publishes its keys; default: identity on the upstream host"`
	DataKeys          string        `env:"DATA_KEYS" doc:"keys that encrypt personal data, id:64 hex digits, newest first" secret:"true"`
	BlobURL           string        `env:"BLOB_URL" doc:"where documents are stored: file:///path or s3://bucket?region=…"`
	LogFormat         string        `env:"LOG_FORMAT" envDefault:"json" doc:"json or text"`
	LogLevel          string        `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error"`
	OTLPEndpoint      string        `env:"OTLP_ENDPOINT" doc:"http(s):// endpoint of an OpenTelemetry collector; empty: traces are not exported"`
	ShutdownTimeout   time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"20s" doc:"how long a clean stop may take"`

	// GCPercent is the runtime's GOGC: services allocate much and keep little, so
	// that collecting less often costs little memory.
	GCPercent int `env:"GC_PERCENT" envDefault:"300" doc:"how much the heap may grow before garbage is collected, in percent of what is in use, 20 to 2000"`

	Identity   Identity   `envPrefix:"IDENTITY_"`
	Gateway    Gateway    `envPrefix:"GATEWAY_"`
	Notify     Notify     `envPrefix:"NOTIFY_"`
	CloseOfDay CloseOfDay `envPrefix:"CLOSE_OF_DAY_"`
	Agreement  Agreement  `envPrefix:"AGREEMENT_"`
	Payout     Payout     `envPrefix:"PAYOUT_"`
}

// Identity configures the identity service.
type Identity struct {
	BootstrapEmail    string        `env:"BOOTSTRAP_EMAIL" doc:"e-mail of the first administrator, made when there is none"`
	BootstrapPassword string        `env:"BOOTSTRAP_PASSWORD" doc:"password of the first administrator" secret:"true"`
	AccessTTL         time.Duration `env:"ACCESS_TTL" envDefault:"15m" doc:"life of an access token, 1m to 1h"`
	RefreshTTL        time.Duration `env:"REFRESH_TTL" envDefault:"720h" doc:"life of a refresh token"`
	KeyTTL            time.Duration `env:"KEY_TTL" envDefault:"2160h" doc:"how long a signing key signs before it is rotated"`
}

// Gateway configures the gateway.
type Gateway struct {
	TLSCert      string        `env:"TLS_CERT" doc:"PEM certificate file; with TLS_KEY the gateway speaks TLS 1.3"`
	TLSKey       string        `env:"TLS_KEY" doc:"PEM key file"`
	RatePerSec   int           `env:"RATE_PER_SECOND" envDefault:"200" doc:"requests a second for one client"`
	RateBurst    int           `env:"RATE_BURST" envDefault:"400" doc:"burst for one client"`
	LoginPerMin  int           `env:"LOGIN_PER_MINUTE" envDefault:"60" doc:"logins and registrations a minute from one address"`
	Timeout      time.Duration `env:"TIMEOUT" envDefault:"30s" doc:"longest wait for a service"`
	TrustedProxy bool          `env:"TRUSTED_PROXY" envDefault:"false" doc:"believe X-Forwarded-For from a proxy in front"`
	PublicURL    string        `env:"PUBLIC_URL" doc:"http(s):// URL under which clients know the gateway; default: as this process sees it"`
}

// Notify configures the notification service.
type Notify struct {
	SMTPURL string `env:"SMTP_URL" doc:"smtp://user:password@host:port; empty: e-mail is written to the log" secret:"true"`
	From    string `env:"FROM" envDefault:"no-reply@tenor.local" doc:"sender of e-mail"`
}

// CloseOfDay configures the close-of-day batch.
type CloseOfDay struct {
	Cron string `env:"CRON" doc:"when to close the day by itself, as a cron line; empty: only when asked"`
	Zone string `env:"ZONE" envDefault:"UTC" doc:"IANA time zone of the cron line and of the first business date"`
	Book string `env:"BOOK" envDefault:"main" doc:"the book whose business date moves"`
}

// Agreement configures the signing of agreements.
type Agreement struct {
	CertFile string        `env:"CERT_FILE" doc:"PEM certificate that signs agreements; empty: one is made and kept in the database"`
	KeyFile  string        `env:"KEY_FILE" doc:"PEM key of the certificate"`
	CodeTTL  time.Duration `env:"CODE_TTL" envDefault:"10m" doc:"life of a one-time signing code"`
	Lender   string        `env:"LENDER" envDefault:"Tenor Demonstration Bank" doc:"name of the lender in documents"`
}

// Payout configures the simulated bank behind disbursements.
type Payout struct {
	Delay       time.Duration `env:"DELAY" envDefault:"50ms" doc:"how long the simulated bank takes"`
	FailPercent int           `env:"FAIL_PERCENT" envDefault:"0" doc:"share of payouts that the simulated bank refuses, 0 to 100"`
	LosePercent int           `env:"LOSE_PERCENT" envDefault:"0" doc:"share of the simulated bank's answers that are lost, so that the order is sent again, 0 to 100"`
}

// Load reads the environment (as os.Environ gives it), then lets the flags in
// args override it, and checks everything. It returns the arguments that are no flags.
func Load(environ, args []string, usage io.Writer) (*Config, []string, error) {
	values := make(map[string]string)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, Prefix) && value != "" {
			values[name] = value
		}
	}
	flags := flag.NewFlagSet("tenor", flag.ContinueOnError)
	flags.SetOutput(usage)
	for _, field := range fields() {
		flags.Func(field.flag, field.doc+" ["+field.variable+"]", func(value string) error {
			values[field.variable] = value
			return nil
		})
	}
	if err := flags.Parse(args); err != nil {
		return nil, nil, err
	}
	unknown := maps.Clone(values)
	for _, field := range fields() {
		delete(unknown, field.variable)
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		if !strings.HasPrefix(name, Prefix+"TEST_") && !strings.HasPrefix(name, Prefix+"DEV_") {
			faults = append(faults, fmt.Errorf("%s: no such setting", name))
		}
	}
	var config Config
	err := env.ParseWithOptions(&config, env.Options{Environment: values, Prefix: Prefix})
	var aggregate env.AggregateError
	if errors.As(err, &aggregate) {
		faults = append(faults, aggregate.Errors...)
	} else if err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, config.check()...)
	return &config, flags.Args(), errors.Join(faults...)
}

// DatabaseDSN returns the DSN of the named service database.
func (c *Config) DatabaseDSN(name string) (string, error) {
	if dsn, ok := override(c.DatabaseURLs, name); ok {
		return dsn, nil
	}
	return dsnOf("DATABASE_URL", c.DatabaseURL, name)
}

// DatabaseOwnerDSN returns the DSN with which the named service database is
// migrated: that of the services unless an owner is configured.
func (c *Config) DatabaseOwnerDSN(name string) (string, error) {
	if dsn, ok := override(c.DatabaseOwnerURLs, name); ok {
		return dsn, nil
	}
	if c.DatabaseOwnerURL == "" {
		return c.DatabaseDSN(name)
	}
	return dsnOf("DATABASE_OWNER_URL", c.DatabaseOwnerURL, name)
}

// override finds the place that one database has of its own.
func override(overrides, name string) (string, bool) {
	for entry := range strings.SplitSeq(overrides, ";") {
		if key, dsn, found := strings.Cut(entry, "="); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(dsn), true
		}
	}
	return "", false
}

func dsnOf(setting, general, name string) (string, error) {
	dsn, err := url.Parse(general)
	if err != nil || general == "" {
		return "", fmt.Errorf("%s%s: not a URL", Prefix, setting)
	}
	dsn.Path = "/" + name
	return dsn.String(), nil
}

// Upstream returns the base URL of a service as the gateway and the other
// services reach it.
func (c *Config) Upstream(service string, port int) string {
	host := strings.ReplaceAll(c.UpstreamHost, "{service}", service)
	return fmt.Sprintf("http://%s:%d", host, port+c.PortOffset)
}

// Environ returns the process environment for Load.
func Environ() []string { return os.Environ() }
