package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/telemetry"
)

func listCommand(_ context.Context, _ []string, std streams) int {
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	say(table, "ROLE\tPORT\tDATABASE\tWHAT IT DOES\n")
	for _, s := range services {
		say(table, "%s\t%d\t%s\t%s\n", s.Name, s.Port, s.Database, s.Title)
	}
	_ = table.Flush() // as say
	return 0
}

// pickRoles finds the named rows of the table; "all" is every row.
func pickRoles(names []string) ([]app.Service, error) {
	if len(names) == 0 {
		return nil, errors.New("name at least one role, or all")
	}
	if slices.Contains(names, "all") {
		return services, nil
	}
	var roles []app.Service
	var faults []error
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		i := slices.IndexFunc(services, roleNamed(name))
		if i < 0 {
			faults = append(faults, fmt.Errorf("no role %q; tenor list shows them", name))
			continue
		}
		roles = append(roles, services[i])
	}
	return roles, errors.Join(faults...)
}

func roleNamed(name string) func(app.Service) bool {
	return func(s app.Service) bool { return s.Name == name }
}

// splitArgs parts the words before the first flag from the rest.
func splitArgs(args []string) (words, flags []string) {
	i := slices.IndexFunc(args, func(a string) bool { return len(a) > 0 && a[0] == '-' })
	if i < 0 {
		return args, nil
	}
	return args[:i], args[i:]
}

// runCommand validates everything before it starts anything, and reports every
// fault at once.
func runCommand(ctx context.Context, args []string, std streams) int {
	names, flags := splitArgs(args)
	cfg, rest, err := config.Load(config.Environ(), flags, std.err)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	roles, rolesErr := pickRoles(append(names, rest...))
	keyring, keyErr := loadKeyring(cfg)
	err = errors.Join(err, rolesErr, keyErr, needed(cfg))
	if err != nil {
		say(std.err, "tenor run: cannot start:\n%v\n", err)
		return exitUsage
	}
	if err := runRoles(ctx, cfg, keyring, roles, std.err, nil); err != nil {
		say(std.err, "tenor run: %v\n", err)
		return exitFailed
	}
	return 0
}

// needed reports the settings without which no role can run.
func needed(cfg *config.Config) error {
	if cfg == nil {
		return nil
	}
	var faults []error
	if cfg.DatabaseURL == "" {
		faults = append(faults, errors.New(config.Prefix+"DATABASE_URL: required"))
	}
	if len(cfg.KafkaSeeds) == 0 {
		faults = append(faults, errors.New(config.Prefix+"KAFKA_SEEDS: required"))
	}
	for _, name := range cfg.DatabaseOverrides() {
		if !slices.Contains(databases(), name) {
			faults = append(faults, fmt.Errorf("%sDATABASE_URLS: no database %q; there are %v",
				config.Prefix, name, databases()))
		}
	}
	return errors.Join(faults...)
}

func loadKeyring(cfg *config.Config) (*privacy.Keyring, error) {
	if cfg == nil {
		return nil, nil
	}
	if cfg.DataKeys == "" {
		return nil, errors.New(config.Prefix + "DATA_KEYS: required (make one with: openssl rand -hex 32)")
	}
	keyring, err := privacy.NewKeyring(cfg.DataKeys, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("%sDATA_KEYS: %w", config.Prefix, err)
	}
	return keyring, nil
}

// runRoles runs roles in this process until ctx ends. Logs go to w.
func runRoles(
	ctx context.Context, cfg *config.Config, keyring *privacy.Keyring, roles []app.Service, w io.Writer, ready func(),
) error {
	log, err := telemetry.NewLogger(w, cfg.LogFormat, cfg.LogLevel, httpapi.RequestID)
	if err != nil {
		return err
	}
	stopTracing, err := telemetry.StartTracing(ctx, cfg.OTLPEndpoint, version)
	if err != nil {
		return err
	}
	document, err := mergedOpenAPI()
	if err != nil {
		return err
	}
	debug.SetGCPercent(cfg.GCPercent)
	err = app.Run(ctx, app.Options{
		Config: cfg, Log: log, Now: time.Now, NewID: uuid.New, Keyring: keyring, All: services, Roles: roles,
		OpenAPI: document, Version: version, Ready: ready,
	})
	flushCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
	defer cancel()
	return errors.Join(err, stopTracing(flushCtx))
}

func migrateCommand(ctx context.Context, args []string, std streams) int {
	names, flags := splitArgs(args)
	cfg, rest, err := config.Load(config.Environ(), flags, std.err)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil && cfg.DatabaseURL == "" {
		err = errors.New(config.Prefix + "DATABASE_URL: required")
	}
	if err != nil {
		say(std.err, "tenor migrate: %v\n", err)
		return exitUsage
	}
	names = append(names, rest...)
	for _, name := range names {
		if !slices.Contains(databases(), name) {
			say(std.err, "tenor migrate: no database %q; there are %v\n", name, databases())
			return exitUsage
		}
	}
	if len(names) == 0 {
		names = databases()
	}
	if err := migrate(ctx, cfg, names, func(name string) { say(std.out, "migrated %s\n", name) }); err != nil {
		say(std.err, "tenor migrate: %v\n", err)
		return exitFailed
	}
	return 0
}

// databases lists the service databases, each once, in the order of the table.
func databases() []string {
	var names []string
	for _, s := range services {
		if s.Database != "" && !slices.Contains(names, s.Database) {
			names = append(names, s.Database)
		}
	}
	return names
}

// migrate brings databases to the newest schema as their owner, and grants the
// login of the services what they need.
func migrate(ctx context.Context, cfg *config.Config, names []string, done func(name string)) error {
	for _, name := range names {
		owner, err := cfg.DatabaseOwnerDSN(name)
		if err != nil {
			return err
		}
		service, err := cfg.DatabaseDSN(name)
		if err != nil {
			return err
		}
		if err := database.EnsureDatabase(ctx, owner); err != nil {
			return err
		}
		if err := database.Migrate(ctx, owner, name); err != nil {
			return err
		}
		if err := database.Grant(ctx, owner, service, name); err != nil {
			return err
		}
		done(name)
	}
	return nil
}
