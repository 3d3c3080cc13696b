package dbtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/jackc/pgx/v5"
)

// SQLLogEnv names the directory into which the distinct statements of a test
// run are written, one JSON string per line, one file per process.
const SQLLogEnv = "TENOR_TEST_SQL_LOG_DIR"

// recorder is a tracer that writes down each distinct statement.
type recorder struct {
	mu   sync.Mutex
	seen map[string]bool
	file *os.File
}

var (
	_ pgx.QueryTracer = (*recorder)(nil)
	_ pgx.BatchTracer = (*recorder)(nil)
)

// statementRecorder returns the process's recorder, or nil when no directory
// was asked for. A directory that cannot be written to is a panic: statements
// would go unchecked in silence.
var statementRecorder = sync.OnceValue(func() *recorder {
	dir := os.Getenv(SQLLogEnv)
	if dir == "" {
		return nil
	}
	made, err := newRecorder(dir)
	if err != nil {
		panic(fmt.Sprintf("dbtest: recording statements in %s: %v", dir, err))
	}
	return made
})

func newRecorder(dir string) (*recorder, error) {
	err := os.MkdirAll(dir, 0o755) // a log of the repository's own statements
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(dir, filepath.Base(os.Args[0])+"-*.jsonl")
	if err != nil {
		return nil, err
	}
	return &recorder{seen: map[string]bool{}, file: file}, nil
}

func (r *recorder) record(sql string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[sql] {
		return
	}
	r.seen[sql] = true
	err := json.NewEncoder(r.file).Encode(sql)
	if err != nil {
		panic(fmt.Sprintf("dbtest: recording a statement: %v", err))
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	r.record(data.SQL)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (r *recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	r.record(data.SQL)
}

// TraceBatchEnd implements pgx.BatchTracer.
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}
