package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/stream"
)

// Limits of every HTTP server.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 60 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 90 * time.Second
	headerBytes   = 32 << 10
	joinTimeout   = 30 * time.Second
	drainTimeout  = 5 * time.Second
)

// Options is what a process runs with.
type Options struct {
	Config  *config.Config
	Log     *slog.Logger
	Now     func() time.Time
	NewID   func() uuid.UUID
	Keyring *privacy.Keyring
	// All is the whole table of roles; Roles are those that this process plays.
	All, Roles []Service
	OpenAPI    []byte
	// Version is shown in API documents.
	Version string
	// Ready is called once every service answers; nil for nobody.
	Ready func()
}

// process is the running state: every database and the producer are shared by
// the roles of a process.
type process struct {
	Options
	registry  *prometheus.Registry
	metrics   *stream.Metrics
	verifier  httpapi.Verifier
	databases map[string]*database.DB
	relays    map[string]*stream.Relay
	producer  *kgo.Client
	blobs     *blob.Store
	services  []*running
}

type running struct {
	Service
	component *Component
	env       *Env
	api       *httpapi.API
	listener  net.Listener
	server    *http.Server
	// cutRequests ends the contexts of all requests.
	cutRequests context.CancelFunc
	consumer    *stream.Consumer
}

// Run runs the roles until ctx ends or one of them fails, then stops all in
// order: not ready, stop consuming and tasks, drain HTTP, publish what is
// committed, close. It returns nil after a clean stop that ctx asked for.
func Run(ctx context.Context, o Options) error {
	p := &process{
		Options: o, registry: prometheus.NewRegistry(), databases: map[string]*database.DB{},
		relays: map[string]*stream.Relay{}, blobs: blob.New(o.Config.BlobURL, o.Keyring, rand.Reader),
	}
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.metrics = stream.NewMetrics(p.registry)
	defer p.close()
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	if err := p.open(ctx, background); err != nil {
		return err
	}
	return p.serve(ctx)
}

// open makes every role and opens all listeners; nothing is served yet.
func (p *process) open(ctx, background context.Context) error {
	jwks := p.Config.JWKSURL
	if jwks == "" {
		jwks = p.Config.Upstream("identity", identityPort(p.All)) + "/.well-known/jwks.json"
	}
	verifier, err := httpapi.NewTokenVerifier(background, jwks, p.Now)
	if err != nil {
		return err
	}
	p.verifier = verifier
	err = stream.EnsureTopics(ctx, p.Config.KafkaSeeds, p.Config.KafkaPartitions, p.Config.KafkaReplication)
	if err != nil {
		return err
	}
	if p.producer, err = stream.NewProducer(p.Config.KafkaSeeds, "tenor-relay"); err != nil {
		return err
	}
	for _, service := range p.Roles {
		if err := p.add(ctx, service); err != nil {
			return fmt.Errorf("starting %s: %w", service.Name, err)
		}
	}
	return nil
}

func identityPort(all []Service) int {
	for _, s := range all {
		if s.Name == "identity" {
			return s.Port
		}
	}
	return 0
}

func (p *process) add(ctx context.Context, service Service) error {
	env, err := p.env(ctx, service)
	if err != nil {
		return err
	}
	component, err := service.New(env)
	if err != nil {
		return err
	}
	r := &running{Service: service, component: component, env: env}
	p.services = append(p.services, r)
	if component.Start != nil {
		if err := component.Start(ctx); err != nil {
			return err
		}
	}
	if len(component.Subscriptions) > 0 {
		r.consumer, err = stream.NewConsumer(stream.ConsumerConfig{
			Name: service.Name, DB: env.DB, Seeds: p.Config.KafkaSeeds, Subscriptions: component.Subscriptions,
			Turn: component.Turn, Log: env.Log, Now: p.Now, Metrics: p.metrics,
			Remember: p.Config.InboxRetention,
		})
		if err != nil {
			return err
		}
	}
	return p.listen(ctx, r)
}

func (p *process) env(ctx context.Context, service Service) (*Env, error) {
	env := &Env{
		Config: p.Config, Log: p.Log.With("service", service.Name), Now: p.Now, NewID: p.NewID, Keyring: p.Keyring,
		Blobs:    p.blobs,
		Metrics:  prometheus.WrapRegistererWith(prometheus.Labels{"service": service.Name}, p.registry),
		Verifier: p.verifier, Services: p.All, OpenAPI: p.OpenAPI,
	}
	if service.Database == "" {
		return env, nil
	}
	db, err := p.openDatabase(ctx, service.Database)
	if err != nil {
		return nil, err
	}
	env.DB = db
	env.Commands = command.NewRunner(db, p.Now)
	env.Outbox = stream.NewOutbox("/tenor/"+service.Database, p.NewID, p.relays[service.Database].Wake)
	return env, nil
}

func (p *process) openDatabase(ctx context.Context, name string) (*database.DB, error) {
	if db, ok := p.databases[name]; ok {
		return db, nil
	}
	dsn, err := p.Config.DatabaseDSN(name)
	if err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, database.Config{
		DSN: dsn, MaxConns: p.Config.DatabaseMaxConns, ApplicationName: "tenor",
	})
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", name, err)
	}
	registry := prometheus.WrapRegistererWith(prometheus.Labels{"database": name}, p.registry)
	db.SetObserver(newTxMetrics(registry))
	p.databases[name] = db
	p.relays[name] = stream.NewRelay(db, p.producer, p.Log.With("database", name), p.Now)
	return db, nil
}

func (p *process) listen(ctx context.Context, r *running) error {
	r.api = httpapi.New(httpapi.Options{Title: r.Title, Version: p.Version, Verifier: p.verifier, Log: r.env.Log})
	httpapi.RegisterHealth(r.api, r.Name, p.checks(r))
	if r.component.Routes != nil {
		r.component.Routes(r.api)
	}
	r.api.Mux().Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	var handler http.Handler = r.api
	if r.component.Wrap != nil {
		handler = r.component.Wrap(handler)
	}
	address := net.JoinHostPort(p.Config.ListenHost, strconv.Itoa(r.Port+p.Config.PortOffset))
	var listenConfig net.ListenConfig
	listener, err := listenConfig.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	r.listener = listener
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	r.cutRequests = cut
	r.server = &http.Server{
		BaseContext: func(net.Listener) context.Context { return requests },
		Handler: otelhttp.NewHandler(httpapi.WithRequestID(recoverPanics(handler, r.env.Log)), r.Name,
			otelhttp.WithSpanNameFormatter(func(service string, request *http.Request) string {
				return service + " " + request.Method // never the path: it holds ids
			})),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(r.env.Log.Handler(), slog.LevelDebug),
	}
	return r.secure(p.Config)
}

// secure gives the gateway TLS 1.3 when a certificate is configured.
func (r *running) secure(cfg *config.Config) error {
	if r.Name != "gateway" || cfg.Gateway.TLSCert == "" {
		return nil
	}
	certificate, err := tls.LoadX509KeyPair(cfg.Gateway.TLSCert, cfg.Gateway.TLSKey)
	if err != nil {
		return fmt.Errorf("loading certificate: %w", err)
	}
	r.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}
	r.listener = tls.NewListener(r.listener, r.server.TLSConfig)
	return nil
}

func (p *process) checks(r *running) map[string]httpapi.Check {
	checks := make(map[string]httpapi.Check)
	for name, check := range r.component.Checks {
		checks[name] = check
	}
	if r.env.DB != nil {
		checks["database"] = r.env.DB.Ping
	}
	if r.consumer != nil {
		checks["events"] = func(context.Context) error {
			select {
			case <-r.consumer.Ready():
				return nil
			default:
				return errors.New("not joined yet")
			}
		}
	}
	return checks
}

// serve starts everything and waits for the end.
func (p *process) serve(ctx context.Context) error {
	failed := make(chan error, 1)
	fail := func(name string, err error) {
		if err == nil {
			return
		}
		select {
		case failed <- fmt.Errorf("%s: %w", name, err):
		default: // the first failure decides
		}
	}
	// The orders in which things stop is the reverse of what needs them.
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	relaying, stopRelays := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRelays()
	var workers, relays sync.WaitGroup
	for name, relay := range p.relays {
		relays.Go(func() { fail("outbox of "+name, relay.Run(relaying)) })
	}
	for _, r := range p.services {
		if r.consumer != nil {
			workers.Go(func() { fail("consumer of "+r.Name, r.consumer.Run(work)) })
		}
		for _, task := range r.component.Tasks {
			workers.Go(func() { fail(task.Name, task.Run(work)) })
		}
		workers.Go(func() {
			if err := r.server.Serve(r.listener); !errors.Is(err, http.ErrServerClosed) {
				fail("server of "+r.Name, err)
			}
		})
	}
	workers.Go(func() { p.announce(work) })
	var cause error
	select {
	case <-ctx.Done():
		p.Log.InfoContext(ctx, "stopping", "cause", context.Cause(ctx))
	case cause = <-failed:
		p.Log.ErrorContext(ctx, "stopping after a failure", "error", cause)
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.Config.ShutdownTimeout)
	defer cancel()
	stopWork()
	err := p.shutdownServers(stopCtx)
	err = errors.Join(err, waitFor(stopCtx, &workers, "consumers and tasks"))
	stopRelays()
	err = errors.Join(err, waitFor(stopCtx, &relays, "outbox relays"))
	p.drain(stopCtx)
	return errors.Join(cause, err)
}

// announce calls Ready once every consumer has joined its group, however long
// that takes.
func (p *process) announce(ctx context.Context) {
	for _, r := range p.services {
		if r.consumer != nil && !p.joined(ctx, r) {
			return
		}
	}
	p.Log.InfoContext(ctx, "ready", "services", len(p.services))
	if p.Ready != nil {
		p.Ready()
	}
}

// joined waits for a consumer to join its group; false means ctx ended first.
func (p *process) joined(ctx context.Context, r *running) bool {
	late := time.NewTicker(joinTimeout)
	defer late.Stop()
	for {
		select {
		case <-r.consumer.Ready():
			return true
		case <-late.C:
			p.Log.WarnContext(ctx, "still waiting to join the consumer group", "service", r.Name)
		case <-ctx.Done():
			return false
		}
	}
}

func (p *process) shutdownServers(ctx context.Context) error {
	var wait sync.WaitGroup
	errs := make([]error, len(p.services))
	for i, r := range p.services {
		wait.Go(func() {
			if err := r.server.Shutdown(ctx); err != nil {
				// What is left is cut off: it must not hold on to the databases.
				errs[i] = fmt.Errorf("draining %s: %w", r.Name, errors.Join(err, r.server.Close()))
				r.cutRequests()
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func waitFor(ctx context.Context, group *sync.WaitGroup, what string) error {
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s did not stop in time", what)
	}
}

// drain publishes what is committed, so that a clean stop leaves no event behind.
func (p *process) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	for name, relay := range p.relays {
		if err := relay.Drain(ctx); err != nil {
			p.Log.WarnContext(ctx, "outbox left for the next start", "database", name, "error", err)
		}
	}
}

func (p *process) close() {
	for _, r := range p.services {
		if r.listener != nil {
			_ = r.listener.Close() // already closed after an orderly stop
			r.cutRequests()
		}
		if r.component.Stop != nil {
			ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
			if err := r.component.Stop(ctx); err != nil {
				p.Log.WarnContext(ctx, "service did not stop cleanly", "service", r.Name, "error", err)
			}
			cancel()
		}
	}
	if p.producer != nil {
		p.producer.Close()
	}
	if err := p.blobs.Close(); err != nil {
		p.Log.Warn("blob store did not close cleanly", "error", err)
	}
	p.closeDatabases()
}

// closeDatabases waits for borrowed connections, but not for ever: a handler
// that does not end must not keep the process alive.
func (p *process) closeDatabases() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	var closing sync.WaitGroup
	for _, db := range p.databases {
		closing.Go(db.Close)
	}
	if err := waitFor(ctx, &closing, "database connections"); err != nil {
		p.Log.Warn("left behind", "error", err)
	}
}
