// Package pgfault is a PostgreSQL wire proxy that fails on purpose: it answers
// a statement or a COMMIT with an error of the database, or cuts the connection
// before or after the database has committed. It stands in for the failures of
// a distributed database that a quiet PostgreSQL never shows.
//
// It is for tests and fault drills only and must not be part of a deployment.
package pgfault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Fault is what happens at a point.
type Fault int

// The faults.
const (
	// None passes the message on.
	None Fault = iota
	// Serialization answers SQLSTATE 40001; the database never sees the message
	// and, at COMMIT, rolls back.
	Serialization
	// Deadlock answers SQLSTATE 40P01 in the same way.
	Deadlock
	// CutBefore closes the connection instead of sending the message.
	CutBefore
	// CutAfter lets the database answer, and closes the connection without
	// passing the answer on: at COMMIT, the outcome is unknown to the client.
	CutAfter
	// Shutdown answers SQLSTATE 57P01 as a server does that an administrator
	// stops, and closes the connection; the database never sees the message.
	Shutdown
	// TooMany answers SQLSTATE 53300 to a client that connects, and closes. At
	// any other point it does nothing.
	TooMany

	faultCount
)

// String names the fault as reports do.
func (f Fault) String() string {
	return [...]string{"none", "40001", "40P01", "cut before", "cut after", "57P01", "53300"}[f]
}

var states = map[Fault]string{Serialization: "40001", Deadlock: "40P01", Shutdown: "57P01", TooMany: "53300"}

// Point is a message on its way to the database.
type Point struct {
	// Index counts the points of the proxy from 1.
	Index int64
	// SQL is the statement; "commit" at the end of a transaction.
	SQL string
	// Commit says that the statement ends a transaction with success.
	Commit bool
	// Statement counts the statements of a transaction from BEGIN, which is 1; a
	// statement outside of a transaction is 1 as well.
	Statement int64
	// Wrote says that the transaction has sent a statement that changes rows:
	// at COMMIT, that there is something to lose.
	Wrote bool
	// Connect is the opening of a connection; it has neither SQL nor Index.
	Connect bool
	// Database is the name that the client connected to.
	Database string
}

// Plan decides the fault of each point. It may be called concurrently.
type Plan func(Point) Fault

// Proxy stands before one PostgreSQL server.
type Proxy struct {
	listener net.Listener
	upstream string
	plan     atomic.Pointer[Plan]
	points   atomic.Int64
	injected [faultCount]atomic.Int64
	commits  [faultCount]atomic.Int64
	wait     sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]struct{}
	closed   bool
}

// Start listens on a free loopback port before the server at upstream
// ("127.0.0.1:5432"), passing everything on until SetPlan.
func Start(ctx context.Context, upstream string) (*Proxy, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	p := &Proxy{listener: listener, upstream: upstream, open: make(map[net.Conn]struct{})}
	p.SetPlan(func(Point) Fault { return None })
	p.wait.Go(p.accept)
	return p, nil
}

// Addr is where clients connect.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// SetPlan replaces the plan.
func (p *Proxy) SetPlan(plan Plan) { p.plan.Store(&plan) }

// Points is how many points there were so far.
func (p *Proxy) Points() int64 { return p.points.Load() }

// Injected is how often a fault was injected so far, and how many of those were
// at the COMMIT of a transaction that had written.
func (p *Proxy) Injected(f Fault) (all, commits int64) {
	return p.injected[f].Load(), p.commits[f].Load()
}

// Close cuts every connection and stops.
func (p *Proxy) Close() {
	_ = p.listener.Close() // closing twice is harmless
	p.mu.Lock()
	p.closed = true
	for conn := range p.open {
		_ = conn.Close() // it may be gone already
	}
	p.mu.Unlock()
	p.wait.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.upstream) //nolint:noctx // its life is that of the client's connection
		if err != nil {
			_ = client.Close() // the client sees what it would without the proxy
			continue
		}
		if !p.track(client, server) {
			return
		}
		link := &link{
			proxy: p, client: client, server: server,
			backend: pgproto3.NewBackend(client, client), frontend: pgproto3.NewFrontend(server, server),
		}
		p.wait.Go(link.run)
	}
}

func (p *Proxy) track(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		if p.closed {
			_ = conn.Close() // too late
			continue
		}
		p.open[conn] = struct{}{}
	}
	return !p.closed
}

// decide asks the plan and counts what it says.
func (p *Proxy) decide(point Point) Fault {
	fault := (*p.plan.Load())(point)
	if (fault == TooMany) != point.Connect { // neither can happen at the other's point
		fault = None
	}
	p.injected[fault].Add(1)
	if point.Commit && point.Wrote {
		p.commits[fault].Add(1)
	}
	return fault
}

// link is one client's connection.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	backend        *pgproto3.Backend
	frontend       *pgproto3.Frontend
	// mute drops the answers of the server until the next ReadyForQuery, and
	// then calls after.
	mu    sync.Mutex
	mute  bool
	after func() error
	inTx  atomic.Bool

	// What the client's statements have told so far; its own goroutine's.
	database  string
	statement int64
	wrote     bool
}

var errCut = errors.New("cut by plan")

func (l *link) run() {
	defer l.close()
	if err := l.startup(); err != nil {
		return
	}
	answers := make(chan struct{})
	go func() { defer close(answers); defer l.close(); _ = l.pumpAnswers() }()
	_ = l.pumpRequests() // its end is the end of the connection, for whatever reason
	l.close()
	<-answers
}

func (l *link) close() {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	for _, conn := range []net.Conn{l.client, l.server} {
		_ = conn.Close() // it may be closed already
		delete(l.proxy.open, conn)
	}
}

func (l *link) startup() error {
	for {
		message, err := l.backend.ReceiveStartupMessage()
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := l.client.Write([]byte{'N'}); err != nil {
				return err
			}
		case *pgproto3.StartupMessage:
			return l.open(m)
		default: // a request to cancel
			return l.send(message)
		}
	}
}

// open lets a session begin, unless the plan says that there are too many.
func (l *link) open(m *pgproto3.StartupMessage) error {
	l.database = m.Parameters["database"]
	if l.proxy.decide(Point{Connect: true, Database: l.database}) == TooMany {
		l.backend.Send(&pgproto3.ErrorResponse{
			Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: states[TooMany], Message: "injected: too many clients",
		})
		return errors.Join(l.backend.Flush(), errCut)
	}
	if err := l.send(m); err != nil {
		return err
	}
	return l.authenticate()
}

func (l *link) send(message pgproto3.FrontendMessage) error {
	l.frontend.Send(message)
	return l.frontend.Flush()
}

// authenticate passes the opening of the session on, one message at a time,
// until the server is ready for a query.
func (l *link) authenticate() error {
	for {
		message, err := l.frontend.Receive()
		if err != nil {
			return err
		}
		asked := uint32(pgproto3.AuthTypeOk)
		switch message.(type) {
		case *pgproto3.AuthenticationCleartextPassword:
			asked = pgproto3.AuthTypeCleartextPassword
		case *pgproto3.AuthenticationMD5Password:
			asked = pgproto3.AuthTypeMD5Password
		case *pgproto3.AuthenticationSASL:
			asked = pgproto3.AuthTypeSASL
		case *pgproto3.AuthenticationSASLContinue:
			asked = pgproto3.AuthTypeSASLContinue
		}
		l.backend.Send(message)
		if err := l.backend.Flush(); err != nil {
			return err
		}
		if _, ready := message.(*pgproto3.ReadyForQuery); ready {
			return nil
		}
		if asked == pgproto3.AuthTypeOk {
			continue
		}
		if err := l.backend.SetAuthType(asked); err != nil {
			return err
		}
		answer, err := l.backend.Receive()
		if err != nil {
			return err
		}
		l.frontend.Send(answer)
		if err := l.frontend.Flush(); err != nil {
			return err
		}
	}
}

func (l *link) pumpAnswers() error {
	for {
		message, err := l.frontend.Receive()
		if err != nil {
			return err
		}
		ready, isReady := message.(*pgproto3.ReadyForQuery)
		if isReady {
			l.inTx.Store(ready.TxStatus != 'I')
		}
		l.mu.Lock()
		if !l.mute {
			l.backend.Send(message)
			err = l.backend.Flush()
		} else if isReady {
			l.mute = false
			err = l.after()
		}
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

func (l *link) pumpRequests() error {
	prepared := make(map[string]string)
	for {
		message, err := l.backend.Receive()
		if err != nil {
			return err
		}
		var sql string
		switch m := message.(type) {
		case *pgproto3.Query:
			sql = m.String
		case *pgproto3.Parse:
			prepared[m.Name] = m.Query
		case *pgproto3.Bind: // prepared statements run many times for one Parse
			sql = prepared[m.PreparedStatement]
		}
		fault, commit := None, false
		if sql != "" {
			point := l.point(sql)
			fault, commit = l.proxy.decide(point), point.Commit
		}
		if err := l.pass(message, fault, commit); err != nil {
			return err
		}
	}
}

// writing are the first words of statements that change rows.
var writing = []string{"insert ", "update ", "delete ", "with ", "copy "}

// point places a statement in its transaction.
func (l *link) point(sql string) Point {
	text := strings.ToLower(strings.TrimSpace(sql))
	begins := text == "begin" || strings.HasPrefix(text, "begin ")
	if begins || !l.inTx.Load() {
		l.statement, l.wrote = 0, false
	}
	l.statement++
	for _, word := range writing {
		l.wrote = l.wrote || strings.HasPrefix(text, word)
	}
	return Point{
		Index: l.proxy.points.Add(1), SQL: text, Commit: text == "commit" || strings.HasPrefix(text, "commit "),
		Statement: l.statement, Wrote: l.wrote, Database: l.database,
	}
}

func (l *link) pass(message pgproto3.FrontendMessage, fault Fault, commit bool) error {
	switch fault {
	case CutBefore:
		return errCut
	case CutAfter:
		l.silence(func() error { return errCut })
	case Serialization, Deadlock:
		return l.refuse(message, fault, commit)
	case Shutdown:
		return l.shutDown()
	case None, TooMany, faultCount:
	}
	return l.send(message)
}

// shutDown tells the client that the server goes down, and hangs up.
func (l *link) shutDown() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backend.Send(&pgproto3.ErrorResponse{
		Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: states[Shutdown], Message: "injected: shutting down",
	})
	return errors.Join(l.backend.Flush(), errCut)
}

func (l *link) silence(after func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute, l.after = true, after
}

// refuse answers with the error. At COMMIT the server is made to roll back; a
// statement inside a transaction leaves it failed, as the real error would.
func (l *link) refuse(message pgproto3.FrontendMessage, fault Fault, commit bool) error {
	status := byte('I')
	server := "rollback"
	if l.inTx.Load() && !commit {
		status = 'E'
		server = "do not parse" // a statement that fails on the server too
	} else if !commit {
		server = ";"
	}
	answer := func() error {
		l.backend.Send(&pgproto3.ErrorResponse{
			Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: states[fault], Message: "injected by the test",
		})
		l.backend.Send(&pgproto3.ReadyForQuery{TxStatus: status})
		return l.backend.Flush()
	}
	if _, extended := message.(*pgproto3.Bind); extended {
		if err := l.skipToSync(); err != nil {
			return err
		}
	}
	l.silence(answer)
	l.frontend.Send(&pgproto3.Query{String: server})
	return l.frontend.Flush()
}

func (l *link) skipToSync() error {
	for {
		message, err := l.backend.Receive()
		if err != nil {
			return err
		}
		if _, sync := message.(*pgproto3.Sync); sync {
			return nil
		}
	}
}
