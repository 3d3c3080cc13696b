package harness

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/devstack"
)

// Stack is where an invocation of the bench keeps its data. The database server
// starts when a scenario first asks and serves those that follow.
type Stack struct {
	dir    string
	log    func(string)
	server *devstack.Database
	shared map[string]any
	stops  []func() error
	kept   bool
}

// NewStack keeps its data below dir, which it owns: what is there is removed.
func NewStack(dir string, log func(line string)) (*Stack, error) {
	if err := devstack.Clean(dir); err != nil {
		return nil, fmt.Errorf("removing what an earlier run left: %w", err)
	}
	return &Stack{dir: dir, log: log}, nil
}

// Keep leaves the data where it is when the stack stops, for who looks for a
// fault. The next stack in the same place removes it.
func (s *Stack) Keep() { s.kept = true }

// Stop ends what was started and removes its data, unless it is kept.
func (s *Stack) Stop() error {
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i]())
	}
	if s.server != nil {
		errs = append(errs, s.server.Stop())
	}
	if s.kept {
		s.log("kept for who looks for the fault: " + s.dir)
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, devstack.Clean(s.dir))...)
}

// Dir is where scenarios may keep files for the length of the invocation.
func (s *Stack) Dir() string { return s.dir }

// Shared returns what was made under a name, and makes it the first time. stop
// ends it after the last scenario.
func (s *Stack) Shared(name string, make func() (made any, stop func() error, err error)) (any, error) {
	if made, ok := s.shared[name]; ok {
		return made, nil
	}
	made, stop, err := make()
	if err != nil {
		return nil, err
	}
	if s.shared == nil {
		s.shared = map[string]any{}
	}
	s.shared[name], s.stops = made, append(s.stops, stop)
	return made, nil
}

// Server returns the DSN of the given database server, or of one that makes
// every commit durable.
func (b *Bench) Server(ctx context.Context) (string, error) {
	if b.Stack.server == nil {
		server, err := devstack.StartDatabase(ctx, devstack.DatabaseOptions{DSN: b.DSN, Dir: b.Stack.dir, Log: b.Stack.log})
		if err != nil {
			return "", err
		}
		b.Stack.server = server
	}
	return b.Stack.server.DSN, nil
}

// Database returns a new empty database with the schema of the named service
// database, on the given server or on one that makes every commit durable. It
// is dropped after the scenario. conns bounds its pool; zero is the platform's
// default.
func (b *Bench) Database(ctx context.Context, schema string, conns int32) (*database.DB, string, error) {
	dsn, err := b.Server(ctx)
	if err != nil {
		return nil, "", err
	}
	at, err := url.Parse(dsn)
	if err != nil {
		return nil, "", fmt.Errorf("parsing DSN: %w", err)
	}
	name := "bench_" + schema + "_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	at.Path = "/" + name
	if err := database.EnsureDatabase(ctx, at.String()); err != nil {
		return nil, "", err
	}
	b.Cleanup(func(ctx context.Context) error { return dropDatabase(ctx, dsn, name) })
	if err := database.Migrate(ctx, at.String(), schema); err != nil {
		return nil, "", err
	}
	db, err := database.Open(ctx, database.Config{DSN: at.String(), MaxConns: conns, ApplicationName: "tenor-bench"})
	if err != nil {
		return nil, "", err
	}
	b.Cleanup(func(context.Context) error { db.Close(); return nil })
	return db, at.String(), b.Describe(ctx, db)
}

func dropDatabase(ctx context.Context, dsn, name string) error {
	admin, err := database.Open(ctx, database.Config{DSN: dsn, MaxConns: 1})
	if err != nil {
		return fmt.Errorf("dropping database %s: %w", name, err)
	}
	defer admin.Close()
	_, err = admin.Pool().Exec(ctx, "drop database "+name) // letters, digits and _ only
	if err != nil {
		return fmt.Errorf("dropping database %s: %w", name, err)
	}
	return nil
}

// Describe notes which database is measured.
func (b *Bench) Describe(ctx context.Context, db *database.DB) error {
	m := &b.run.Machine
	if m.Database != "" {
		return nil
	}
	var version string
	if err := db.Pool().QueryRow(ctx, "select version()").Scan(&version); err != nil {
		return fmt.Errorf("reading the database's version: %w", err)
	}
	words := strings.Fields(version)
	m.Database, m.Fsync = strings.Join(words[:min(2, len(words))], " "), "on"
	if db.Engine() == database.CockroachDB {
		return nil // it always waits for the disk
	}
	var fsync, commits string
	if err := db.Pool().QueryRow(ctx, "select current_setting('fsync'), current_setting('synchronous_commit')").Scan(
		&fsync, &commits); err != nil {
		return fmt.Errorf("reading the database's settings: %w", err)
	}
	if fsync == "off" || commits == "off" {
		m.Fsync = "off"
	}
	return nil
}

// Broker is somewhere to send events.
type Broker struct {
	// Name is short, for tables: "embedded", "Apache Kafka", "given".
	Name  string
	Seeds []string
}

// Brokers returns the brokers to measure: the given one, or the embedded one
// with every record on disk and, if asked for, Apache Kafka. They are empty, and
// end with the scenario.
func (b *Bench) Brokers(ctx context.Context) ([]Broker, error) {
	if len(b.Seeds) > 0 {
		return []Broker{{Name: "given", Seeds: b.Seeds}}, nil
	}
	embedded, err := devstack.StartBroker(ctx, devstack.BrokerOptions{
		Dir: filepath.Join(b.Stack.dir, "events-"+uuid.NewString()),
	})
	if err != nil {
		return nil, err
	}
	b.Cleanup(func(context.Context) error { return embedded.Stop() })
	brokers := []Broker{{Name: "embedded", Seeds: embedded.Seeds}}
	if !b.Kafka {
		return brokers, nil
	}
	kafka, err := devstack.StartKafka(ctx, devstack.KafkaOptions{Log: b.Stack.log})
	if err != nil {
		return nil, err
	}
	b.Cleanup(func(context.Context) error { return kafka.Stop() })
	return append(brokers, Broker{Name: "Apache Kafka", Seeds: kafka.Seeds}), nil
}

// Machine is what the run is measured on, as far as it is known by now.
func (b *Bench) Machine() result.Machine { return b.run.Machine }
