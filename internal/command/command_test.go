package command_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
)

type outcome struct {
	ID   uuid.UUID `json:"id"`
	Text string    `json:"text"`
}

type bundle struct {
	t      *testing.T
	db     *database.DB
	runner *command.Runner
	actor  access.Actor
}

func setup(t *testing.T) *bundle {
	t.Helper()
	db := dbtest.New(t, "shared")
	return &bundle{
		t: t, db: db, runner: command.NewRunner(db, time.Now),
		actor: access.Actor{ID: uuid.New(), Roles: []access.Role{access.Officer}},
	}
}

func (b *bundle) key(value string, request any) command.Key {
	b.t.Helper()
	key, err := command.NewKey(value, request)
	if err != nil {
		b.t.Fatal(err)
	}
	return key
}

// effect is a change that can be counted: one row of table casefile.
func effect(ctx context.Context, tx database.Tx) (outcome, error) {
	id := uuid.New()
	_, err := tx.Exec(ctx, `
		insert into casefile (application_id, customer_id, stage, outcome) values ($1, $1, 'INPUT', '')`, id)
	return outcome{ID: id, Text: "done"}, err
}

func (b *bundle) effects() int {
	b.t.Helper()
	var n int
	if err := b.db.Pool().QueryRow(b.t.Context(), `select count(*) from casefile`).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *bundle) run(c command.Command) (command.Result[outcome], error) {
	return command.Run(context.Background(), b.runner, c, func(tx database.Tx, _ time.Time) (outcome, error) {
		return effect(context.Background(), tx)
	})
}

// insisting runs a command as a client does that is told to come again: with the
// same key, while its twin is still at it or others are in the way.
func insisting[T any](do func() (T, error)) (T, error) {
	const triesMax = 50
	value, err := do()
	for tries := 1; comeAgain(err) && tries < triesMax; tries++ {
		value, err = do()
	}
	return value, err
}

func (b *bundle) insist(c command.Command) (command.Result[outcome], error) {
	return insisting(func() (command.Result[outcome], error) { return b.run(c) })
}

func comeAgain(err error) bool {
	return errors.Is(err, command.ErrInFlight) || errors.Is(err, database.ErrContention)
}

func TestSameKeySameRequestGivesTheFirstAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := command.Command{Name: "test", Actor: b.actor, Subject: uuid.New(), Key: b.key("k1", "body")}
	first, err := b.run(c)
	if err != nil || first.Replayed {
		t.Fatalf("first: %+v, %v", first, err)
	}
	second, err := b.run(c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(command.Result[outcome]{Value: first.Value, Replayed: true}, second); diff != "" {
		t.Errorf("replay (-want +got):\n%s", diff)
	}
	if n := b.effects(); n != 1 {
		t.Errorf("%d effects, want 1", n)
	}
}

func TestKeyIsScopedAndBoundToItsRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := command.Command{Name: "test", Actor: b.actor, Subject: uuid.New(), Key: b.key("k1", "body")}
	if _, err := b.run(c); err != nil {
		t.Fatal(err)
	}
	other := c
	other.Key = b.key("k1", "another body")
	if _, err := b.run(other); !errors.Is(err, command.ErrKeyReused) {
		t.Errorf("same key, other body: %v, want ErrKeyReused", err)
	}
	stranger := c
	stranger.Actor = access.Actor{ID: uuid.New()}
	if result, err := b.run(stranger); err != nil || result.Replayed {
		t.Errorf("same key of another actor: %+v, %v; want its own run", result, err)
	}
	elsewhere := c
	elsewhere.Name = "other-operation"
	if result, err := b.run(elsewhere); err != nil || result.Replayed {
		t.Errorf("same key of another operation: %+v, %v; want its own run", result, err)
	}
	if n := b.effects(); n != 3 {
		t.Errorf("%d effects, want 3", n)
	}
}

func TestRejectionLeavesNothingAndMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rejected := errors.New("not now")
	c := command.Command{Name: "test", Actor: b.actor, Subject: uuid.New(), Key: b.key("k1", "body")}
	_, err := command.Run(t.Context(), b.runner, c, func(tx database.Tx, _ time.Time) (outcome, error) {
		if _, err := effect(t.Context(), tx); err != nil {
			return outcome{}, err
		}
		return outcome{}, rejected
	})
	if !errors.Is(err, rejected) {
		t.Fatalf("got %v, want the rejection", err)
	}
	if n := b.effects(); n != 0 {
		t.Fatalf("a rejected command left %d effects", n)
	}
	if result, err := b.run(c); err != nil || result.Replayed {
		t.Fatalf("second try: %+v, %v", result, err)
	}
}

func TestOfManyAtOnceOneRuns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := command.Command{Name: "test", Actor: b.actor, Subject: uuid.New(), Key: b.key("k1", "body")}
	const callers = 16
	results := make([]command.Result[outcome], callers)
	errs := make([]error, callers)
	var wait sync.WaitGroup
	for i := range callers {
		wait.Go(func() { results[i], errs[i] = b.insist(c) })
	}
	wait.Wait()
	ran := 0
	for i := range callers {
		if errs[i] != nil {
			t.Fatalf("caller %d: %v", i, errs[i])
		}
		if !results[i].Replayed {
			ran++
		}
		if diff := cmp.Diff(results[0].Value, results[i].Value); diff != "" {
			t.Errorf("caller %d got another answer:\n%s", i, diff)
		}
	}
	if ran != 1 || b.effects() != 1 {
		t.Errorf("%d ran with %d effects, want 1 and 1", ran, b.effects())
	}
}

func TestAuditChainNamesTheFirstAlteredRow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := uuid.New()
	for range 5 {
		if _, err := b.run(command.Command{Name: "test", Actor: b.actor, Subject: subject}); err != nil {
			t.Fatal(err)
		}
	}
	verify := func() (length int64, err error) {
		err = database.InReadTx(t.Context(), b.db, func(tx database.Tx) error {
			var err error
			length, err = command.VerifyAudit(t.Context(), tx, subject)
			return err
		})
		return length, err
	}
	if length, err := verify(); err != nil || length != 5 {
		t.Fatalf("untouched chain: %d, %v", length, err)
	}
	for name, tamper := range map[string]string{
		"action": `update audit set action = 'other' where stream = $1 and seq = 3`,
		"actor":  `update audit set actor = '{}' where stream = $1 and seq = 3`,
		"time":   `update audit set recorded_at = recorded_at + interval '1 microsecond' where stream = $1 and seq = 3`,
		"gone":   `delete from audit where stream = $1 and seq = 3`,
	} {
		tx, err := b.db.Pool().Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), tamper, subject); err != nil {
			t.Fatal(err)
		}
		length, err := command.VerifyAudit(t.Context(), readOnly{tx}, subject)
		if !errors.Is(err, command.ErrTampered) || length != 2 {
			t.Errorf("%s: verified %d rows, %v; want 2 and ErrTampered", name, length, err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// readOnly lets a driver transaction that will be rolled back stand in for a Tx.
type readOnly struct{ pgx.Tx }

// AfterCommit implements database.Tx; nothing is committed here.
func (readOnly) AfterCommit(func()) {}

// Later implements database.Tx; nothing is written here.
func (readOnly) Later(database.Write) {}

// TestLockOfAnotherIsNoDuplicate has a command wait for a row that somebody
// else holds: that is an outage to wait out, not "the same request".
func TestLockOfAnotherIsNoDuplicate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := command.Command{Name: "test", Actor: b.actor, Subject: uuid.New(), Key: b.key("k1", "body")}
	_, err := command.Run(t.Context(), b.runner, c, func(database.Tx, time.Time) (outcome, error) {
		return outcome{}, &pgconn.PgError{Code: "55P03"}
	})
	if errors.Is(err, command.ErrInFlight) || !database.IsUnavailable(err) {
		t.Errorf("got %v, want an outage that is not ErrInFlight", err)
	}
}

// TestDuplicateOfARunningRequestIsInFlight holds the first request open for
// longer than a duplicate waits.
func TestDuplicateOfARunningRequestIsInFlight(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := command.Command{Name: "test", Actor: b.actor, Subject: uuid.New(), Key: b.key("k1", "body")}
	inside, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		_, err := command.Run(t.Context(), b.runner, c, func(tx database.Tx, _ time.Time) (outcome, error) {
			once.Do(func() { close(inside) })
			<-release
			return effect(t.Context(), tx)
		})
		done <- err
	}()
	<-inside
	if _, err := b.run(c); !errors.Is(err, command.ErrInFlight) {
		t.Errorf("duplicate: %v, want ErrInFlight", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if result, err := b.run(c); err != nil || !result.Replayed || b.effects() != 1 {
		t.Errorf("afterwards: %+v, %v, %d effects; want the first answer and 1", result, err, b.effects())
	}
}

// TestDuplicateOfARejectedRequestRuns has a request wait for its twin, which is
// then rejected: the key is free again and the second one decides for itself.
func TestDuplicateOfARejectedRequestRuns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := command.Command{Name: "test", Actor: b.actor, Subject: uuid.New(), Key: b.key("k1", "body")}
	rejected := errors.New("not now")
	inside, done := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		_, err := command.Run(t.Context(), b.runner, c, func(database.Tx, time.Time) (outcome, error) {
			once.Do(func() { close(inside) })
			time.Sleep(200 * time.Millisecond) // the other one is waiting by then
			return outcome{}, rejected
		})
		done <- err
	}()
	<-inside
	if result, err := b.insist(c); err != nil || result.Replayed {
		t.Errorf("second: %+v, %v; want its own run", result, err)
	}
	if err := <-done; !errors.Is(err, rejected) || b.effects() != 1 {
		t.Errorf("first: %v with %d effects in all, want the rejection and 1", err, b.effects())
	}
}

// TestAuditChainHoldsUnderConcurrency has many commands append to one chain at
// once: each ends as a row, and the rows are one chain.
func TestAuditChainHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := uuid.New()
	const callers, each = 6, 5
	var wait sync.WaitGroup
	var acknowledged atomic.Int64
	for range callers {
		wait.Go(func() {
			for range each {
				_, err := b.run(command.Command{Name: "test", Actor: b.actor, Subject: subject})
				switch {
				case err == nil:
					acknowledged.Add(1)
				case !errors.Is(err, database.ErrContention):
					t.Errorf("got %v, want success or ErrContention", err)
				}
			}
		})
	}
	wait.Wait()
	var length int64
	err := database.InReadTx(t.Context(), b.db, func(tx database.Tx) error {
		var err error
		length, err = command.VerifyAudit(t.Context(), tx, subject)
		return err
	})
	if err != nil || length != acknowledged.Load() || length == 0 {
		t.Errorf("chain of %d rows, %v; want the %d that were acknowledged", length, err, acknowledged.Load())
	}
}

// batch runs commands with the keys and bodies in one call; those with the body
// "no" are refused.
func (b *bundle) batch(subject uuid.UUID, keyAndBody ...[2]string) []command.Outcome[outcome] {
	b.t.Helper()
	outcomes, err := b.tryBatch(subject, keyAndBody...)
	if err != nil {
		b.t.Fatal(err)
	}
	return outcomes
}

// tryBatch is batch, safe in any goroutine.
func (b *bundle) tryBatch(subject uuid.UUID, keyAndBody ...[2]string) ([]command.Outcome[outcome], error) {
	commands := make([]command.Command, len(keyAndBody))
	for i, pair := range keyAndBody {
		commands[i] = command.Command{Name: "test", Actor: b.actor, Subject: subject, Key: b.key(pair[0], pair[1])}
	}
	return command.RunAll(b.t.Context(), b.runner, commands,
		func(tx database.Tx, _ time.Time, open []int) ([]command.Outcome[outcome], error) {
			done := make([]command.Outcome[outcome], len(open))
			for i, at := range open {
				if keyAndBody[at][1] == "no" {
					done[i].Err = errRefused
					continue
				}
				value, err := effect(b.t.Context(), tx)
				if err != nil {
					return nil, err
				}
				done[i].Value = value
			}
			return done, nil
		})
}

var errRefused = errors.New("refused")

// Each command of a batch has its own answer: new, repeated, refused or misused
// keys beside each other, as if each had been sent alone.
func TestCommandsOfABatchHaveTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := uuid.New()
	first := b.batch(subject, [2]string{"old", "body"})[0]
	got := b.batch(subject, [][2]string{
		{"new", "body"},
		{"old", "body"},
		{"old", "other"},
		{"refused", "no"},
		{"new", "body"},
		{"new", "other"},
		{"refused", "no"},
		{"refused", "yes"},
		{"refused", "no"},
	}...)
	for i, want := range []struct {
		same     int // whose value it has
		replayed bool
		err      error
	}{
		{same: 0},
		{same: -1, replayed: true},
		{err: command.ErrKeyReused},
		{err: errRefused},
		{same: 0, replayed: true},
		{err: command.ErrKeyReused},
		{err: errRefused},
		{same: 7}, // the key was free again
		{err: errRefused},
	} {
		if !errors.Is(got[i].Err, want.err) || got[i].Replayed != want.replayed {
			t.Errorf("command %d: %+v, want %+v", i, got[i], want)
		}
		if want.err != nil {
			continue
		}
		value := first.Value
		if want.same >= 0 {
			value = got[want.same].Value
		}
		if diff := cmp.Diff(value, got[i].Value); diff != "" {
			t.Errorf("command %d has another answer:\n%s", i, diff)
		}
	}
	if n := b.effects(); n != 3 {
		t.Errorf("%d effects, want 3", n)
	}
	if result, err := b.run(command.Command{
		Name: "test", Actor: b.actor, Subject: subject, Key: b.key("refused", "no"),
	}); !errors.Is(err, command.ErrKeyReused) {
		t.Errorf("the refused request after its key was used: %+v, %v", result, err)
	}
	err := database.InReadTx(t.Context(), b.db, func(tx database.Tx) error {
		length, err := command.VerifyAudit(t.Context(), tx, subject)
		if length != 3 {
			t.Errorf("audit chain of %d rows, want 3", length)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A batch and single commands with the same keys at once: one effect a key.
func TestBatchesAndSinglesMeetOnTheirKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const callers = 8
	var wait sync.WaitGroup
	for range callers {
		wait.Go(func() {
			outcomes, err := insisting(func() ([]command.Outcome[outcome], error) {
				return b.tryBatch(uuid.New(), [2]string{"k1", "body"}, [2]string{"k2", "body"})
			})
			if err != nil {
				t.Errorf("batch: %v", err)
			}
			for _, outcome := range outcomes {
				if outcome.Err != nil {
					t.Errorf("batch: %v", outcome.Err)
				}
			}
		})
		wait.Go(func() {
			c := command.Command{Name: "test", Actor: b.actor, Subject: uuid.New(), Key: b.key("k2", "body")}
			if _, err := b.insist(c); err != nil {
				t.Errorf("single: %v", err)
			}
		})
	}
	wait.Wait()
	if n := b.effects(); n != 2 {
		t.Errorf("%d effects, want 2", n)
	}
}
