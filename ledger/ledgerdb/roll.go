package ledgerdb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// Bounds of one step of rolling up.
const (
	// rollAccountsMax bounds the accounts that one step looks at.
	rollAccountsMax = 1_000
	// rollSlicesMax bounds the sums by instant and date that one step reads of
	// an account.
	rollSlicesMax = 50_000
)

// dailySums are sums by effective date.
type dailySums map[civil.Date]totals

// slice is what an owner's history holds of one instant of recording, or of
// several that follow each other: sums by their owner, which is an account
// itself or headings of the general ledger.
type slice struct {
	owner    uuid.UUID
	at       time.Time // the last instant
	lines    int64
	sums     map[uuid.UUID]dailySums
	headings map[heading]bool
	// broken says that sums leave the range of amounts. No blocks are made of
	// them: what is not in a block is summed when it is asked for.
	broken bool
}

// errRange is what making blocks of a broken slice ends with.
var errRange = errors.New("sums leave the range of amounts")

func newSlice(owner uuid.UUID, at time.Time) slice {
	return slice{owner: owner, at: at, sums: map[uuid.UUID]dailySums{}, headings: map[heading]bool{}}
}

func (s *slice) add(owner uuid.UUID, date civil.Date, t totals) {
	if s.sums[owner] == nil {
		s.sums[owner] = dailySums{}
	}
	sum, fits := s.sums[owner][date].add(t)
	s.broken = s.broken || !fits
	s.sums[owner][date] = sum
}

// addTotals adds the totals of a batch under both bases.
func (s *slice) addTotals(list []batchTotal) {
	for _, t := range list {
		s.headings[t.heading()] = true
		for _, basis := range []Basis{ByEffective, ByBooking} {
			s.add(headingID(basis, t.heading()), t.date(basis), totals{t.Debits, t.Credits})
		}
	}
}

// merge adds a later slice.
func (s *slice) merge(later slice) {
	for owner, days := range later.sums {
		for date, t := range days {
			s.add(owner, date, t)
		}
	}
	maps.Copy(s.headings, later.headings)
	s.at, s.lines, s.broken = later.at, s.lines+later.lines, s.broken || later.broken
}

// roll brings the blocks up to date with a step of sealing. Every batch that is
// visible and was recorded through bound is sealed.
func (sh shape) roll(ctx context.Context, tx database.Tx, batches []sealedBatch, bound time.Time) error {
	var late []uuid.UUID
	for _, b := range batches {
		if b.Late {
			late = append(late, b.ID)
		}
	}
	if len(late) > 0 {
		if err := foldLines(ctx, tx, late); err != nil {
			return err
		}
		if err := foldBatches(ctx, tx, late); err != nil {
			return err
		}
	}
	if err := sh.rollAccounts(ctx, tx, batches, bound); err != nil {
		return err
	}
	return sh.rollBooks(ctx, tx, bound)
}

// dueAccount is an account with lines for a block, and where its blocks end.
type dueAccount struct {
	id    uuid.UUID
	next  int64
	until time.Time
}

// rollAccounts makes blocks of the accounts that have lines for one, as far as
// a sample of the entries shows them.
func (sh shape) rollAccounts(ctx context.Context, tx database.Tx, batches []sealedBatch, bound time.Time) error {
	due, err := sh.dueAccounts(ctx, tx, batches, bound)
	if err != nil {
		return err
	}
	for _, d := range due {
		list, err := readSlices(ctx, tx, d, bound)
		if err != nil {
			return err
		}
		if err := makeBlocks(ctx, tx, d, list, sh.lines); err != nil {
			return err
		}
	}
	return nil
}

func (sh shape) dueAccounts(
	ctx context.Context, tx database.Tx, batches []sealedBatch, bound time.Time,
) ([]dueAccount, error) {
	var ids []uuid.UUID
	var places []int64
	for _, b := range batches {
		// The id is a hash, so that no rhythm of the callers escapes the sample.
		for pos := int64(b.ID[len(b.ID)-1]) % sh.sample; pos < b.Entries; pos += sh.sample {
			ids, places = append(ids, b.ID), append(places, pos)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `
		select u.id, coalesce(b.number, -1) + 1, coalesce(b.until_at, $4)
		  from (select l.account_id as id
		          from unnest($1::uuid[], $2::bigint[]) as s (batch_id, batch_pos)
		          join ledger_line l on l.batch_id = s.batch_id and l.batch_pos = s.batch_pos
		         group by l.account_id order by count(*) desc, l.account_id limit $5) u
		  left join lateral (select number, until_at from ledger_block
		                      where owner = u.id order by until_at desc limit 1) b on true
		 where (select count(*)
		          from (select l.recorded_at from ledger_line l
		                 where l.account_id = u.id and l.recorded_at > coalesce(b.until_at, $4) and l.recorded_at <= $3
		                 order by l.recorded_at limit $6) t) >= $6
		 order by u.id`, ids, places, bound, beginning, rollAccountsMax, sh.lines)
	if err != nil {
		return nil, fmt.Errorf("looking for accounts to roll up: %w", err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (dueAccount, error) {
		var d dueAccount
		return d, row.Scan(&d.id, &d.next, &d.until)
	})
	if err != nil {
		return nil, fmt.Errorf("looking for accounts to roll up: %w", err)
	}
	return due, nil
}

// readSlices reads what an account has after its blocks, through bound.
func readSlices(ctx context.Context, tx database.Tx, d dueAccount, bound time.Time) ([]slice, error) {
	rows, err := tx.Query(ctx, `
		select account_id, recorded_at, effective_date, sum(debit)::text, sum(credit)::text, count(*)::bigint
		  from ledger_line
		 where account_id = $1 and recorded_at > $2 and recorded_at <= $3
		 group by account_id, recorded_at, effective_date
		 order by account_id, recorded_at, effective_date limit $4`, d.id, d.until, bound, rollSlicesMax)
	if err != nil {
		return nil, fmt.Errorf("summing account %s: %w", d.id, err)
	}
	list, read, err := collectLines(rows)
	if err != nil {
		return nil, fmt.Errorf("summing account %s: %w", d.id, err)
	}
	if read == rollSlicesMax {
		list = list[:len(list)-1] // the last instant may not be whole
	}
	return list, nil
}

// collectLines makes one slice of the lines of each account and instant.
func collectLines(rows pgx.Rows) (list []slice, read int, err error) {
	defer rows.Close()
	for ; rows.Next(); read++ {
		var account uuid.UUID
		var at time.Time
		var date civil.Date
		var debits, credits string
		var lines int64
		if err := rows.Scan(&account, &at, &date, &debits, &credits, &lines); err != nil {
			return nil, 0, err
		}
		if last := len(list) - 1; last < 0 || list[last].owner != account || !list[last].at.Equal(at) {
			list = append(list, newSlice(account, at))
		}
		s := &list[len(list)-1]
		s.lines += lines
		t, fits := parseTotals(debits, credits)
		s.broken = s.broken || !fits
		s.add(account, date, t)
	}
	return list, read, rows.Err()
}

// parseTotals reads sums, which the database does not bound.
func parseTotals(debits, credits string) (totals, bool) {
	d, err := strconv.ParseInt(debits, 10, 64)
	if err != nil {
		return totals{}, false
	}
	c, err := strconv.ParseInt(credits, 10, 64)
	return totals{d, c}, err == nil
}

// rollBooks makes blocks of the general ledger from the totals of batches, once
// there are enough for one.
func (sh shape) rollBooks(ctx context.Context, tx database.Tx, bound time.Time) error {
	books := dueAccount{id: booksOwner}
	var due bool
	err := tx.QueryRow(ctx, `
		select coalesce(b.number, -1) + 1, coalesce(b.until_at, $2),
		       (select count(*)
		          from (select l.recorded_at from ledger_batch l
		                 where l.recorded_at > coalesce(b.until_at, $2) and l.recorded_at <= $3
		                 order by l.recorded_at limit $4) t) >= $4
		  from (select $1::uuid as id) u
		  left join lateral (select number, until_at from ledger_block
		                      where owner = u.id order by until_at desc limit 1) b on true`,
		booksOwner, beginning, bound, sh.batches).Scan(&books.next, &books.until, &due)
	if err != nil {
		return fmt.Errorf("reading the blocks of the general ledger: %w", err)
	}
	if !due {
		return nil
	}
	rows, err := tx.Query(ctx, `
		select recorded_at, totals from ledger_batch
		 where recorded_at > $1 and recorded_at <= $2 order by recorded_at, id limit $3`,
		books.until, bound, rollSlicesMax)
	if err != nil {
		return fmt.Errorf("summing the general ledger: %w", err)
	}
	list, read, err := collectBatches(rows)
	if err != nil {
		return fmt.Errorf("summing the general ledger: %w", err)
	}
	if read == rollSlicesMax {
		list = list[:len(list)-1] // the last instant may not be whole
	}
	return makeBlocks(ctx, tx, books, list, sh.batches)
}

// collectBatches makes one slice of the batches of each instant.
func collectBatches(rows pgx.Rows) (list []slice, read int, err error) {
	defer rows.Close()
	for ; rows.Next(); read++ {
		var at time.Time
		var sums []batchTotal
		if err := rows.Scan(&at, &sums); err != nil {
			return nil, 0, err
		}
		if last := len(list) - 1; last < 0 || !list[last].at.Equal(at) {
			list = append(list, newSlice(booksOwner, at))
		}
		s := &list[len(list)-1]
		s.lines++
		s.addTotals(sums)
	}
	return list, read, rows.Err()
}

// makeBlocks cuts the slices, which follow the owner's last block, into blocks
// of about so many lines each. What is left at the end is not enough for one.
// An instant is never cut; one that has more lines is a block of its own, so
// that a block of several instants is never larger than that.
func makeBlocks(ctx context.Context, tx database.Tx, owner dueAccount, list []slice, size int64) error {
	open := newSlice(owner.id, owner.until)
	flush := func() error {
		if open.lines == 0 {
			return nil
		}
		if err := insertBlock(ctx, tx, owner.next, open); err != nil {
			return err
		}
		owner.next++
		open = newSlice(owner.id, open.at)
		return raise(ctx, tx, owner)
	}
	var err error
	for _, s := range list {
		if open.lines+s.lines > size {
			err = flush()
		}
		open.merge(s)
		if err == nil && open.lines >= size {
			err = flush()
		}
		if err != nil {
			break
		}
	}
	if errors.Is(err, errRange) {
		return dropBlocks(ctx, tx, owner.id)
	}
	return err
}

func sortedDates(days dailySums) []civil.Date {
	return slices.SortedFunc(maps.Keys(days), func(a, b civil.Date) int { return a.Compare(b) })
}
