package devstack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "postgres"
	// postgresMaxConnections leaves room for every service's pool and for many
	// tests at once.
	postgresMaxConnections = 400
	// socketPathMax is the longest directory in which a Unix socket still fits
	// on every system (104 bytes with the file's name).
	socketPathMax = 80
	// portAttempts: a free port may be taken by another process between the
	// look and the use.
	portAttempts = 3
)

// startInstalled uses PostgreSQL binaries found on the machine.
func startInstalled(ctx context.Context, opts DatabaseOptions) (*Database, error) {
	found := installedPostgres(ctx)
	if len(found) == 0 {
		return nil, fmt.Errorf("PostgreSQL %d or later: %w", postgresMajorMin, errAbsent)
	}
	return startPostgres(ctx, opts, found)
}

// startEmbedded brings the binaries from the Maven registry.
func startEmbedded(ctx context.Context, opts DatabaseOptions) (*Database, error) {
	binaries, err := embeddedBinaries(ctx, opts.say)
	if err != nil {
		return nil, err
	}
	return startPostgres(ctx, opts, []postgresBinaries{binaries})
}

// startPostgres starts the first of the binaries that fits the data directory.
func startPostgres(ctx context.Context, opts DatabaseOptions, found []postgresBinaries) (*Database, error) {
	inst, as, err := postgresInstance(ctx, opts)
	if err != nil {
		return nil, err
	}
	database, err := startOn(ctx, opts, inst, as, found)
	if err != nil {
		return nil, errors.Join(err, inst.release())
	}
	return database, nil
}

func startOn(
	ctx context.Context, opts DatabaseOptions, inst *instance, as account, found []postgresBinaries,
) (*Database, error) {
	binaries, err := fitting(inst.path("data"), found)
	if err != nil {
		return nil, err
	}
	_, err = runTool(ctx, as, inst.dir, binaries.tool("postgres"), "--version")
	if err != nil {
		return nil, fmt.Errorf("user id %d cannot run PostgreSQL in %s: %w", as.uid, inst.dir, err)
	}
	err = stopStale(inst.path("data"))
	if err != nil {
		return nil, err
	}
	password, err := initialise(ctx, opts, inst, as, binaries)
	if err != nil {
		return nil, err
	}
	opts.say("starting PostgreSQL %d from %s", binaries.major, binaries.dir)
	var faults []error
	for range portAttempts {
		database, err := runPostgres(ctx, opts, inst, as, binaries, password)
		if err == nil {
			return database, nil
		}
		faults = append(faults, err)
		if opts.Port != 0 || !errors.Is(err, errExited) {
			break
		}
	}
	return nil, errors.Join(faults...)
}

// postgresInstance takes the directory for the server and names its user.
func postgresInstance(ctx context.Context, opts DatabaseOptions) (*instance, account, error) {
	as := serverAccount()
	if opts.Dir == "" {
		inst, err := newInstance(ctx, as, runDirs())
		return inst, as, err
	}
	dir, err := keptDir(ctx, as, opts.Dir, "postgres")
	if err != nil {
		return nil, as, err
	}
	inst, err := takeDir(dir)
	if err != nil {
		return nil, as, err
	}
	_, err = os.Lstat(inst.path("data", "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return inst, as, nil
	}
	as, err = ownerAccount(inst.path("data"))
	if err != nil {
		return nil, as, errors.Join(err, inst.release())
	}
	return inst, as, nil
}

// fitting picks the newest binaries, or those of the version that made the data.
func fitting(dataDir string, found []postgresBinaries) (postgresBinaries, error) {
	content, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return found[0], nil
	}
	if err != nil {
		return postgresBinaries{}, fmt.Errorf("reading the version of %s: %w", dataDir, err)
	}
	version := strings.TrimSpace(string(content))
	for _, binaries := range found {
		if strconv.Itoa(binaries.major) == version {
			return binaries, nil
		}
	}
	return postgresBinaries{}, fmt.Errorf(
		"the data in %s was made by PostgreSQL %s, which is not here: install it, or remove the data (make clean)",
		dataDir, version)
}

// initialise makes the data directory if there is none and returns the
// administrator's password. The data is made aside and renamed when complete,
// so that an interrupted run leaves nothing that looks finished.
func initialise(
	ctx context.Context, opts DatabaseOptions, inst *instance, as account, binaries postgresBinaries,
) (string, error) {
	kept, err := os.ReadFile(inst.path("password"))
	_, dataErr := os.Lstat(inst.path("data", "PG_VERSION"))
	if err == nil && dataErr == nil {
		return strings.TrimSpace(string(kept)), nil
	}
	if dataErr == nil {
		return "", fmt.Errorf("the data in %s has no password file beside it: %w", inst.dir, err)
	}
	opts.say("creating a PostgreSQL %d data directory in %s", binaries.major, inst.dir)
	making := inst.path("data.new")
	for _, dir := range []string{making, inst.path("data")} {
		err = os.RemoveAll(dir)
		if err != nil {
			return "", err
		}
	}
	err = errors.Join(os.Mkdir(making, 0o700), as.own(making))
	if err != nil {
		return "", err
	}
	password := rand.Text()
	err = writeSecret(as, inst.path("password.new"), password)
	if err != nil {
		return "", err
	}
	args := []string{
		"-D", making, "-U", superuser, "--auth=scram-sha-256", "--pwfile=" + inst.path("password.new"),
		"--locale=C", "--encoding=UTF8",
	}
	if inst.ephemeral {
		args = append(args, "--no-sync")
	}
	_, err = runTool(ctx, as, inst.dir, binaries.tool("initdb"), args...)
	if err != nil {
		return "", err
	}
	err = errors.Join(
		os.Rename(inst.path("password.new"), inst.path("password")),
		os.Rename(making, inst.path("data")))
	return password, err
}

// writeSecret writes a file that only we and the account can read.
func writeSecret(as account, path, secret string) error {
	return errors.Join(os.WriteFile(path, []byte(secret+"\n"), 0o600), as.own(path))
}

// runPostgres starts the server on a free port and waits until it answers.
func runPostgres(
	ctx context.Context, opts DatabaseOptions, inst *instance, as account, binaries postgresBinaries, password string,
) (*Database, error) {
	port := opts.Port
	if port == 0 {
		ports, err := FreePorts(ctx, 1)
		if err != nil {
			return nil, err
		}
		port = ports[0]
	}
	logPath := inst.path("postgres.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	server, err := startProcess(processSpec{
		name: "PostgreSQL", path: binaries.tool("postgres"), dir: inst.dir, env: childEnvironment(inst.dir),
		args:   append([]string{"-D", inst.path("data")}, postgresSettings(port, inst)...),
		output: log, account: as, death: syscall.SIGINT,
	})
	closeErr := log.Close()
	if err != nil {
		return nil, errors.Join(err, closeErr)
	}
	database := &Database{
		DSN:    postgresDSN(port, password),
		Source: fmt.Sprintf("PostgreSQL %d from %s", binaries.major, binaries.dir),
		Dir:    inst.dir,
		server: server,
		steps:  []signalStep{{syscall.SIGINT, fastStopWait}, {syscall.SIGQUIT, hardStopWait}},
	}
	err = server.waitReady(ctx, databaseReadyWait, func(ctx context.Context) error { return ping(ctx, database.DSN) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", err, logTail(logPath)), database.Stop())
	}
	database.inst = inst
	return database, nil
}

// postgresSettings makes PostgreSQL behave as much like CockroachDB as it can
// (serializable, byte order, UTC), and forgo durability where the data is for
// one run only.
func postgresSettings(port int, inst *instance) []string {
	socketDir := inst.path("data")
	if len(socketDir) > socketPathMax {
		socketDir = ""
	}
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(port),
		"unix_socket_directories=" + socketDir,
		"max_connections=" + strconv.Itoa(postgresMaxConnections),
		"default_transaction_isolation=serializable",
		// A transaction that reads more rows of a table than max_pred_locks_per_relation
		// counts as one that has read all of it, and conflicts with whoever writes there.
		// Half of the first would be too few for a batch of 500 loans or payments.
		"max_pred_locks_per_transaction=512",
		"max_pred_locks_per_relation=2048",
		"timezone=UTC",
		"log_timezone=UTC",
		"jit=off",
		"wal_level=minimal",
		"max_wal_senders=0",
	}
	if inst.ephemeral {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	args := make([]string, 0, 2*len(settings))
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

func postgresDSN(port int, password string) string {
	dsn := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}
	return dsn.String()
}

// ping opens one connection and asks the server something.
func ping(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(conn.Ping(ctx), conn.Close(ctx))
}
