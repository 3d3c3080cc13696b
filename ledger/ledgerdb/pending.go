package ledgerdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// PendingEntry is a pending entry with what became of it.
type PendingEntry struct {
	ledger.Pending
	RecordedAt time.Time
	State      ledger.PendingState
	// ResolvedAt is zero while it is open.
	ResolvedAt time.Time
	ResolvedBy string
	// EntryID is the entry that posted it, or uuid.Nil.
	EntryID uuid.UUID
}

// OpenPending announces an entry. It counts against the limits of its accounts
// from now on. One that was opened before with the same content is left as it
// is; another content is ledger.ErrKeyReused.
func OpenPending(ctx context.Context, tx database.Tx, now time.Time, p ledger.Pending) (Posted, error) {
	p.JournalEntry = p.Normalized()
	p.ExpiresAt = p.ExpiresAt.UTC().Truncate(time.Microsecond)
	now = now.UTC().Truncate(time.Microsecond)
	if err := p.Validate(); err != nil {
		return Posted{}, &EntryError{Key: p.Key, Err: err}
	}
	hash := p.Hash()
	var stored []byte
	var recorded time.Time
	err := tx.QueryRow(ctx, `select hash, recorded_at from ledger_pending where id = $1`, p.ID()).Scan(&stored, &recorded)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return Posted{}, fmt.Errorf("looking for pending entry %q: %w", p.Key, err)
	case string(stored) != string(hash[:]):
		return Posted{}, &EntryError{Key: p.Key, Err: ledger.ErrKeyReused}
	default:
		return Posted{ID: p.ID(), RecordedAt: recorded.UTC(), Replayed: true}, nil
	}
	if p.Expired(now) {
		overdue := ledger.Reject(ledger.FieldInvalid, "expires_at", "must be later than now")
		return Posted{}, &EntryError{Key: p.Key, Err: overdue}
	}
	if err := reserve(ctx, tx, p); err != nil {
		return Posted{}, err
	}
	return Posted{ID: p.ID(), RecordedAt: now}, insertPending(ctx, tx, now, p, hash[:])
}

// reserve checks the accounts of p and counts it against their limits.
func reserve(ctx context.Context, tx database.Tx, p ledger.Pending) error {
	fault := func(err error) error { return &EntryError{Key: p.Key, Err: err} }
	accounts, err := Accounts(ctx, tx, accountIDs([]*item{{entry: p.JournalEntry}})...)
	if err != nil {
		return err
	}
	err = p.Check(func(id uuid.UUID) (ledger.Account, bool) { a, ok := accounts[id]; return a, ok })
	if err != nil {
		return fault(err)
	}
	var limited []uuid.UUID
	for id, a := range accounts {
		if a.Limit != ledger.NoLimit {
			limited = append(limited, id)
		}
	}
	if len(limited) == 0 {
		return nil
	}
	slices.SortFunc(limited, compareIDs)
	totals, err := lockLimits(ctx, tx, limited)
	if err != nil {
		return err
	}
	for i, line := range p.Lines {
		if t := totals[line.AccountID]; t != nil && !t.addPending(line) {
			return fault(ledger.RejectLine(ledger.SumOverflow, i, "amount",
				"makes the account's total exceed the range of amounts"))
		}
	}
	for i, line := range p.Lines {
		t, limit := totals[line.AccountID], accounts[line.AccountID].Limit
		if t != nil && !t.within(limit) {
			return fault(ledger.RejectLine(ledger.LimitExceeded, i, "amount", "would break the account's limit "+string(limit)))
		}
	}
	return moveReserved(ctx, tx, p.Lines, 1)
}

// moveReserved adds the lines to what is pending on accounts with a limit, or
// takes them away when sign is -1.
func moveReserved(ctx context.Context, tx database.Tx, lines []ledger.Line, sign int64) error {
	sums := map[uuid.UUID]*limitTotals{}
	var ids []uuid.UUID
	for _, line := range lines {
		t := sums[line.AccountID]
		if t == nil {
			t = &limitTotals{}
			sums[line.AccountID] = t
			ids = append(ids, line.AccountID)
		}
		if !t.addPending(line) {
			return fmt.Errorf("summing what is pending on account %s: %w", line.AccountID, ledger.SumOverflow)
		}
	}
	slices.SortFunc(ids, compareIDs)
	debits, credits := make([]int64, len(ids)), make([]int64, len(ids))
	for i, id := range ids {
		debits[i], credits[i] = sign*sums[id].pendingDebits, sign*sums[id].pendingCredits
	}
	_, err := tx.Exec(ctx, `
		update ledger_limit
		   set pending_debits = ledger_limit.pending_debits + u.debits,
		       pending_credits = ledger_limit.pending_credits + u.credits
		  from unnest($1::uuid[], $2::bigint[], $3::bigint[]) as u (id, debits, credits)
		 where ledger_limit.account_id = u.id`, ids, debits, credits)
	if err != nil {
		return fmt.Errorf("moving what is pending on accounts: %w", err)
	}
	return nil
}

func insertPending(ctx context.Context, tx database.Tx, now time.Time, p ledger.Pending, hash []byte) error {
	metadata, err := encodeMetadata(p.Metadata)
	if err != nil {
		return err
	}
	expires := p.ExpiresAt
	if expires.IsZero() {
		expires = Ever.Known
	}
	var statements pgx.Batch
	statements.Queue(`
		with announced as (
			insert into ledger_pending
			       (id, key, hash, kind, effective_date, booking_date, recorded_at, reference, description, posted_by,
			        metadata, expires_at, state, resolved_by, row_hash)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12, 'OPEN', '', $13)
			returning id, row_hash)
		insert into ledger_unsealed_record (kind, subject, number, hash)
		select $14, a.id, 0, a.row_hash from announced a`,
		p.ID(), p.Key, hash, p.Kind, p.EffectiveDate, p.BookingDate, now, p.Reference, p.Description, p.PostedBy, metadata,
		expires, pendingHash(hash, now), pendingRecord)
	accounts, numbers := make([]uuid.UUID, len(p.Lines)), make([]int64, len(p.Lines))
	debits, credits := make([]int64, len(p.Lines)), make([]int64, len(p.Lines))
	for i, line := range p.Lines {
		accounts[i], numbers[i] = line.AccountID, int64(i)
		if line.Side == ledger.Debit {
			debits[i] = line.Amount.Minor()
		} else {
			credits[i] = line.Amount.Minor()
		}
	}
	statements.Queue(`
		insert into ledger_pending_line (pending_id, line_no, account_id, debit, credit)
		select $1, u.line_no, u.account_id, u.debit, u.credit
		  from unnest($2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[]) as u (line_no, account_id, debit, credit)`,
		p.ID(), numbers, accounts, debits, credits)
	if err := tx.SendBatch(ctx, &statements).Close(); err != nil {
		return fmt.Errorf("inserting pending entry %q: %w", p.Key, err)
	}
	return nil
}

// PendingPost says how to post a pending entry.
type PendingPost struct {
	// Key names the entry that is posted.
	Key string
	// EffectiveDate and BookingDate replace those that were announced unless
	// they are zero.
	EffectiveDate, BookingDate civil.Date
	PostedBy                   string
	// Lines are what to post, at most what was announced on each side of each
	// account; none means everything. The rest is given back.
	Lines []ledger.Line
}

// PostPending books a pending entry, in whole or in part, once. The same key
// again is a replay; after any other end the rejection is PendingResolved, and
// PendingOverdue when its time is over.
func PostPending(
	ctx context.Context, tx database.Tx, now time.Time, id uuid.UUID, how PendingPost,
) (Posted, error) {
	now = now.UTC().Truncate(time.Microsecond)
	p, err := PendingByID(ctx, tx, id)
	if err != nil {
		return Posted{}, err
	}
	entry := p.postedAs(how)
	if p.State == ledger.PendingPosted && p.EntryID == entry.ID() {
		return postOne(ctx, tx, now, entry)
	}
	if err := p.resolvable(now); err != nil {
		return Posted{}, err
	}
	if err := p.CheckPost(entry.Lines); err != nil {
		return Posted{}, &EntryError{Key: how.Key, Err: err}
	}
	if err := resolve(ctx, tx, p, ledger.PendingPosted, now, how.PostedBy, entry.ID()); err != nil {
		return Posted{}, err
	}
	return postOne(ctx, tx, now, entry)
}

func (p PendingEntry) postedAs(how PendingPost) ledger.JournalEntry {
	entry := p.JournalEntry
	entry.Key, entry.PostedBy = how.Key, how.PostedBy
	if how.EffectiveDate != (civil.Date{}) {
		entry.EffectiveDate, entry.BookingDate = how.EffectiveDate, how.EffectiveDate
	}
	if how.BookingDate != (civil.Date{}) {
		entry.BookingDate = how.BookingDate
	}
	if len(how.Lines) > 0 {
		entry.Lines = how.Lines
	}
	return entry
}

func postOne(ctx context.Context, tx database.Tx, now time.Time, entry ledger.JournalEntry) (Posted, error) {
	posted, err := Post(ctx, tx, now, entry)
	if err != nil {
		return Posted{}, err
	}
	return posted[0], nil
}

func (p PendingEntry) resolvable(now time.Time) error {
	if p.State != ledger.PendingOpen {
		return &EntryError{Key: p.Key, Err: ledger.Reject(ledger.PendingResolved, "state", "is "+string(p.State)+" already")}
	}
	if p.Expired(now) {
		return &EntryError{Key: p.Key, Err: ledger.Reject(ledger.PendingOverdue, "expires_at", "is over")}
	}
	return nil
}

// resolve ends an open pending entry and gives back what it had reserved. The
// conditional update is what lets one of several win.
func resolve(
	ctx context.Context, tx database.Tx, p PendingEntry, state ledger.PendingState, now time.Time, by string,
	entry uuid.UUID,
) error {
	var entryID *uuid.UUID
	if entry != uuid.Nil {
		entryID = &entry
	}
	p.State, p.ResolvedAt, p.ResolvedBy, p.EntryID = state, now, by, entry
	tag, err := tx.Exec(ctx, `
		with ended as (
			update ledger_pending set state = $2, resolved_at = $3, resolved_by = $4, entry_id = $5, end_hash = $6
			 where id = $1 and state = 'OPEN' returning id, end_hash)
		insert into ledger_unsealed_record (kind, subject, number, hash)
		select $7, e.id, 0, e.end_hash from ended e`, p.ID(), string(state), now, by, entryID, p.endHash(), endRecord)
	if err != nil {
		return fmt.Errorf("resolving pending entry %q: %w", p.Key, err)
	}
	if tag.RowsAffected() != 1 {
		return &EntryError{Key: p.Key, Err: ledger.Reject(ledger.PendingResolved, "state", "is final already")}
	}
	return moveReserved(ctx, tx, p.Lines, -1)
}

// VoidPending gives a pending entry up. One that was voided before is left as
// it is; after any other end the rejection is PendingResolved.
func VoidPending(ctx context.Context, tx database.Tx, now time.Time, id uuid.UUID, by string) error {
	p, err := PendingByID(ctx, tx, id)
	if err != nil || p.State == ledger.PendingVoided {
		return err
	}
	if p.State != ledger.PendingOpen {
		return p.resolvable(now)
	}
	return resolve(ctx, tx, p, ledger.PendingVoided, now.UTC().Truncate(time.Microsecond), by, uuid.Nil)
}

// ExpirePending ends pending entries whose time is over, limit at most, in the
// order of their time, and returns how many there were.
func ExpirePending(ctx context.Context, tx database.Tx, now time.Time, limit int) (int, error) {
	rows, err := tx.Query(ctx, `
		select id from ledger_pending where state = 'OPEN' and expires_at <= $1 order by expires_at, id limit $2`,
		now, limit)
	if err != nil {
		return 0, fmt.Errorf("looking for pending entries to expire: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, fmt.Errorf("looking for pending entries to expire: %w", err)
	}
	for _, id := range ids {
		p, err := PendingByID(ctx, tx, id)
		if err != nil {
			return 0, err
		}
		err = resolve(ctx, tx, p, ledger.PendingExpired, now.UTC().Truncate(time.Microsecond), "expiry", uuid.Nil)
		if err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// PendingByID returns a pending entry with its lines, or ErrNotFound.
func PendingByID(ctx context.Context, tx database.Tx, id uuid.UUID) (PendingEntry, error) {
	var p PendingEntry
	var resolvedAt *time.Time
	var entryID *uuid.UUID
	err := tx.QueryRow(ctx, `
		select key, kind, effective_date, booking_date, recorded_at, reference, description, posted_by, metadata,
		       expires_at, state, resolved_at, resolved_by, entry_id
		  from ledger_pending where id = $1`, id).Scan(
		&p.Key, &p.Kind, &p.EffectiveDate, &p.BookingDate, &p.RecordedAt, &p.Reference, &p.Description, &p.PostedBy,
		&p.Metadata, &p.ExpiresAt, &p.State, &resolvedAt, &p.ResolvedBy, &entryID)
	if errors.Is(err, pgx.ErrNoRows) {
		return PendingEntry{}, fmt.Errorf("pending entry %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return PendingEntry{}, fmt.Errorf("reading pending entry %s: %w", id, err)
	}
	p.RecordedAt, p.ExpiresAt = p.RecordedAt.UTC(), p.ExpiresAt.UTC()
	if p.ExpiresAt.Equal(Ever.Known) {
		p.ExpiresAt = time.Time{}
	}
	if resolvedAt != nil {
		p.ResolvedAt = resolvedAt.UTC()
	}
	if entryID != nil {
		p.EntryID = *entryID
	}
	p.Lines, err = pendingLines(ctx, tx, id)
	return p, err
}

func pendingLines(ctx context.Context, tx database.Tx, id uuid.UUID) ([]ledger.Line, error) {
	rows, err := tx.Query(ctx, `
		select l.account_id, l.debit, l.credit, a.currency
		  from ledger_pending_line l join ledger_account a on a.id = l.account_id
		 where l.pending_id = $1 order by l.line_no`, id)
	if err != nil {
		return nil, fmt.Errorf("reading lines of pending entry %s: %w", id, err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ledger.Line, error) {
		var line ledger.Line
		var debit, credit int64
		var code string
		if err := row.Scan(&line.AccountID, &debit, &credit, &code); err != nil {
			return ledger.Line{}, err
		}
		currency, err := ledger.ParseCurrency(code)
		line.Side, line.Amount = ledger.Debit, ledger.NewAmount(debit, currency)
		if credit > 0 {
			line.Side, line.Amount = ledger.Credit, ledger.NewAmount(credit, currency)
		}
		return line, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading lines of pending entry %s: %w", id, err)
	}
	return lines, nil
}

// PendingOn returns what is pending on an account at the instant now: the
// debits and credits of its open pending entries.
func PendingOn(
	ctx context.Context, tx database.Tx, account ledger.Account, now time.Time,
) (debits, credits ledger.Amount, err error) {
	var debit, credit int64
	err = tx.QueryRow(ctx, `
		select coalesce(sum(l.debit), 0)::bigint, coalesce(sum(l.credit), 0)::bigint
		  from ledger_pending_line l join ledger_pending p on p.id = l.pending_id
		 where l.account_id = $1 and p.state = 'OPEN' and p.expires_at > $2`, account.ID(), now).Scan(&debit, &credit)
	if err != nil {
		return debits, credits, fmt.Errorf("summing what is pending on account %q: %w", account.Code, err)
	}
	return ledger.NewAmount(debit, account.Currency), ledger.NewAmount(credit, account.Currency), nil
}
