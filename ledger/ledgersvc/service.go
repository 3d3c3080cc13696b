package ledgersvc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// Service answers finance.
type Service struct {
	env       *app.Env
	committer *ledgerdb.Committer
	// feedWaiters has a place for each request that waits for a change.
	feedWaiters chan struct{}
}

// New makes the ledger service.
func New(env *app.Env) (*app.Component, error) {
	s := &Service{env: env, feedWaiters: make(chan struct{}, feedWaitersMax)}
	component := &app.Component{Routes: s.routes}
	if env.DB != nil {
		s.committer = ledgerdb.NewCommitter(env.DB, func() time.Time { return env.Now() })
		component.Start, component.Stop = s.warnOfRights, s.committer.Close
		component.Tasks = []app.Task{{Name: "seal", Run: s.seal}, {Name: "expire", Run: s.expire}}
	}
	return component, nil
}

// warnOfRights tells the operator of a login that could rewrite history.
func (s *Service) warnOfRights(ctx context.Context) error {
	may, err := ledgerdb.MayChangeJournal(ctx, s.env.DB)
	if err == nil && may {
		s.env.Log.WarnContext(ctx, "this login may change and remove rows of the journal: "+
			"give `tenor migrate` an owner of its own with "+config.Prefix+"DATABASE_OWNER_URL")
	}
	return err
}

// OpenHeading adds a general ledger account.
func (s *Service) OpenHeading(
	ctx context.Context, actor access.Actor, key command.Key, gl ledger.GLAccount,
) (command.Result[ledger.GLAccount], error) {
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "ledger.open_gl_account", Actor: actor, Subject: ledger.AccountID("gl:" + gl.Code), Key: key, Detail: gl,
	}, func(tx database.Tx, now time.Time) (ledger.GLAccount, error) {
		return gl, ledgerdb.OpenGL(ctx, tx, now, gl)
	})
}

// OpenAccount adds an account.
func (s *Service) OpenAccount(
	ctx context.Context, actor access.Actor, key command.Key, account ledger.Account,
) (command.Result[ledger.Account], error) {
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "ledger.open_account", Actor: actor, Subject: account.ID(), Key: key, Detail: account,
	}, func(tx database.Tx, now time.Time) (ledger.Account, error) {
		err := ledgerdb.OpenAccounts(ctx, tx, now, account)
		if err != nil {
			return ledger.Account{}, err
		}
		return ledgerdb.Account(ctx, tx, account.ID())
	})
}

// SetClosed closes an account or opens it again.
func (s *Service) SetClosed(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID, closed bool,
) (command.Result[ledger.Account], error) {
	name, change := "ledger.close_account", ledgerdb.CloseAccount
	if !closed {
		name, change = "ledger.reopen_account", ledgerdb.ReopenAccount
	}
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: name, Actor: actor, Subject: id, Key: key,
	}, func(tx database.Tx, _ time.Time) (ledger.Account, error) {
		err := change(ctx, tx, id)
		if err != nil {
			return ledger.Account{}, err
		}
		return ledgerdb.Account(ctx, tx, id)
	})
}

// entryKey makes a client's idempotency key the key of an entry. Keys of two
// clients never meet, nor those of two operations.
func entryKey(operation string, actor access.Actor, key string) string {
	return "api-" + operation + "/" + actor.ID.String() + "/" + key
}

// Post books one entry under the client's key.
func (s *Service) Post(
	ctx context.Context, actor access.Actor, key string, entry ledger.JournalEntry,
) (ledgerdb.Posted, error) {
	entry.Key, entry.PostedBy = entryKey("post", actor, key), actor.ID.String()
	posted, err := s.committer.Post(ctx, entry)
	if err != nil {
		return ledgerdb.Posted{}, err
	}
	return posted[0], nil
}

// Batch is entries that come in one request.
type Batch struct {
	Entries []ledger.JournalEntry
	// Linked says of each entry whether it is booked together with the next one,
	// all or none.
	Linked []bool
	// Atomic links all of them, and makes the first fault that of the request.
	Atomic bool
}

// chains cuts the entries into those that are booked all or none.
func (b Batch) chains() [][]ledger.JournalEntry {
	var chains [][]ledger.JournalEntry
	for i, begin := 0, 0; i < len(b.Entries); i++ {
		if !b.Linked[i] {
			chains = append(chains, b.Entries[begin:i+1])
			begin = i + 1
		}
	}
	return chains
}

// errLinked means that another entry of the chain was not booked.
var errLinked = errors.New("another entry of the chain is not booked")

// PostMany books entries under the client's key and their places. Atomic
// entries are posted all or none, with the one error that stopped them; others
// each have their own result.
func (s *Service) PostMany(
	ctx context.Context, actor access.Actor, key string, b Batch,
) ([]ledgerdb.Result, error) {
	for i := range b.Entries {
		b.Entries[i].Key = fmt.Sprintf("%s/%d", entryKey("batch", actor, key), i)
		b.Entries[i].PostedBy = actor.ID.String()
	}
	if b.Atomic {
		posted, err := s.committer.Post(ctx, b.Entries...)
		return resultsOf(len(b.Entries), posted, nil), err
	}
	if !slices.Contains(b.Linked, true) {
		return s.committer.PostEach(ctx, b.Entries), nil
	}
	chains := b.chains()
	var results []ledgerdb.Result
	for i, r := range s.committer.PostGroups(ctx, chains) {
		results = append(results, resultsOf(len(chains[i]), r.Posted, r.Err)...)
	}
	return results, nil
}

// resultsOf gives each entry of a chain its share of the chain's outcome.
func resultsOf(entries int, posted []ledgerdb.Posted, err error) []ledgerdb.Result {
	results := make([]ledgerdb.Result, entries)
	var fault *ledgerdb.EntryError
	for i := range results {
		switch {
		case err == nil && posted != nil:
			results[i].Posted = posted[i]
		case errors.As(err, &fault) && fault.Index != i:
			results[i].Err = errLinked
		default:
			results[i].Err = err
		}
	}
	return results
}

// Reverse books the mirror of an entry under the client's key.
func (s *Service) Reverse(
	ctx context.Context, actor access.Actor, key string, id uuid.UUID, how ledger.Reversal,
) (ledgerdb.Posted, ledger.JournalEntry, error) {
	var original ledgerdb.Entry
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		original, err = ledgerdb.EntryByID(ctx, tx, id)
		return err
	})
	if err != nil {
		return ledgerdb.Posted{}, ledger.JournalEntry{}, err
	}
	how.Key, how.PostedBy = entryKey("reverse", actor, key), actor.ID.String()
	mirror := original.Reverse(how)
	posted, err := s.committer.Post(ctx, mirror)
	if err != nil {
		return ledgerdb.Posted{}, ledger.JournalEntry{}, err
	}
	return posted[0], mirror, nil
}

// booksID names the audit chain of the books as a whole.
var booksID = uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:ledger:books"))

// ClosePeriod closes the books through a day.
func (s *Service) ClosePeriod(
	ctx context.Context, actor access.Actor, key command.Key, through civil.Date, reason string,
) (command.Result[ledgerdb.PeriodEvent], error) {
	return s.changePeriod(ctx, "ledger.close_period", ledgerdb.ClosePeriod, actor, key, through, reason)
}

// ReopenPeriod opens the books after a day again.
func (s *Service) ReopenPeriod(
	ctx context.Context, actor access.Actor, key command.Key, through civil.Date, reason string,
) (command.Result[ledgerdb.PeriodEvent], error) {
	return s.changePeriod(ctx, "ledger.reopen_period", ledgerdb.ReopenPeriod, actor, key, through, reason)
}

type periodChange func(
	ctx context.Context, tx database.Tx, now time.Time, id uuid.UUID, through civil.Date, by, reason string,
) (ledgerdb.PeriodEvent, error)

func (s *Service) changePeriod(
	ctx context.Context, name string, change periodChange, actor access.Actor, key command.Key, through civil.Date,
	reason string,
) (command.Result[ledgerdb.PeriodEvent], error) {
	id := s.env.NewID()
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: name, Actor: actor, Subject: booksID, Key: key,
		Detail: map[string]string{"through": through.String(), "reason": reason},
	}, func(tx database.Tx, now time.Time) (ledgerdb.PeriodEvent, error) {
		return change(ctx, tx, now, id, through, actor.ID.String(), reason)
	})
}

// read runs fn in a transaction that sees one snapshot.
func read[T any](ctx context.Context, s *Service, fn func(tx database.Tx) (T, error)) (T, error) {
	var value T
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		value, err = fn(tx)
		return err
	})
	return value, err
}
