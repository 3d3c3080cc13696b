package ledgerdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// insertBlock adds one block with its sums.
func insertBlock(ctx context.Context, tx database.Tx, number int64, s slice) error {
	_, err := tx.Exec(ctx, `
		insert into ledger_block (owner, until_at, number, lines) values ($1, $2, $3, $4)`, s.owner, s.at, number, s.lines)
	if err != nil {
		return fmt.Errorf("adding block %d of %s: %w", number, s.owner, err)
	}
	if err := insertHeadings(ctx, tx, s); err != nil {
		return err
	}
	return insertSums(ctx, tx, sumRef{level: 0, number: number}, s)
}

// insertSums adds sums through each date, which it gets as sums of each date.
func insertSums(ctx context.Context, tx database.Tx, ref sumRef, s slice) error {
	if s.broken {
		return errRange
	}
	var owners []uuid.UUID
	var dates []civil.Date
	var debits, credits []int64
	for _, owner := range slices.SortedFunc(maps.Keys(s.sums), compareIDs) {
		var running totals
		for _, date := range sortedDates(s.sums[owner]) {
			var fits bool
			if running, fits = running.add(s.sums[owner][date]); !fits {
				return errRange
			}
			owners, dates = append(owners, owner), append(dates, date)
			debits, credits = append(debits, running.debits), append(credits, running.credits)
		}
	}
	_, err := tx.Exec(ctx, `
		insert into ledger_block_sum (owner, level, number, effective_date, debits, credits)
		select u.owner, $5::bigint, $6::bigint, u.effective_date, u.debits, u.credits
		  from unnest($1::uuid[], $2::date[], $3::bigint[], $4::bigint[]) as u (owner, effective_date, debits, credits)`,
		owners, dates, debits, credits, ref.level, ref.number)
	if err != nil {
		return fmt.Errorf("adding sums %d of level %d: %w", ref.number, ref.level, err)
	}
	return nil
}

// raise adds the sums of the levels above that the owner's newest block has
// completed.
func raise(ctx context.Context, tx database.Tx, owner dueAccount) error {
	owners, err := sumOwners(ctx, tx, owner.id)
	if err != nil {
		return err
	}
	for level := int64(0); owner.next&(1<<(levelBits*(level+1))-1) == 0; level++ {
		number := owner.next>>(levelBits*(level+1)) - 1
		parts, err := readSums(ctx, tx, owners, level, number<<levelBits, (number+1)<<levelBits-1)
		if err != nil {
			return err
		}
		if err := insertSums(ctx, tx, sumRef{level + 1, number}, parts); err != nil {
			return err
		}
	}
	return nil
}

// sumOwners returns the owners of the sums of a block's owner: itself, or the
// headings of the general ledger.
func sumOwners(ctx context.Context, tx database.Tx, owner uuid.UUID) ([]uuid.UUID, error) {
	if owner != booksOwner {
		return []uuid.UUID{owner}, nil
	}
	rows, err := tx.Query(ctx, `select id from ledger_heading order by basis, gl_code, currency`)
	if err != nil {
		return nil, fmt.Errorf("listing headings: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("listing headings: %w", err)
	}
	return ids, nil
}

// readSums reads the sums from..to of a level and adds them up by date.
func readSums(ctx context.Context, tx database.Tx, owners []uuid.UUID, level, from, to int64) (slice, error) {
	rows, err := tx.Query(ctx, `
		select owner, number, effective_date, debits, credits from ledger_block_sum
		 where owner = any($1) and level = $2 and number >= $3 and number <= $4
		 order by owner, number, effective_date`, owners, level, from, to)
	if err != nil {
		return slice{}, fmt.Errorf("reading sums of level %d: %w", level, err)
	}
	defer rows.Close()
	sum := newSlice(uuid.Nil, time.Time{})
	var lastOwner uuid.UUID
	lastNumber := int64(-1)
	var before totals
	for rows.Next() {
		var owner uuid.UUID
		var number int64
		var date civil.Date
		var through totals
		if err := rows.Scan(&owner, &number, &date, &through.debits, &through.credits); err != nil {
			return slice{}, fmt.Errorf("reading sums of level %d: %w", level, err)
		}
		if owner != lastOwner || number != lastNumber {
			lastOwner, lastNumber, before = owner, number, totals{}
		}
		of := totals{through.debits - before.debits, through.credits - before.credits}
		before = through
		sum.add(owner, date, of)
	}
	if err := rows.Err(); err != nil {
		return slice{}, fmt.Errorf("reading sums of level %d: %w", level, err)
	}
	return sum, nil
}

// insertHeadings notes which headings the sums of a block are of.
func insertHeadings(ctx context.Context, tx database.Tx, s slice) error {
	if len(s.headings) == 0 {
		return nil
	}
	var bases, codes, currencies []string
	var ids []uuid.UUID
	for _, h := range slices.SortedFunc(maps.Keys(s.headings), compareHeadings) {
		for _, basis := range []Basis{ByBooking, ByEffective} {
			bases, codes, currencies = append(bases, string(basis)), append(codes, h.gl), append(currencies, h.currency)
			ids = append(ids, headingID(basis, h))
		}
	}
	_, err := tx.Exec(ctx, `
		insert into ledger_heading (basis, gl_code, currency, id)
		select u.basis, u.gl_code, u.currency, u.id
		  from unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) as u (basis, gl_code, currency, id)
		on conflict (basis, gl_code, currency) do nothing`, bases, codes, currencies, ids)
	if err != nil {
		return fmt.Errorf("noting headings: %w", err)
	}
	return nil
}

func compareHeadings(a, b heading) int {
	return cmp.Or(strings.Compare(a.currency, b.currency), strings.Compare(a.gl, b.gl))
}

// foldLines adds the lines of late batches to the blocks that reach over them.
func foldLines(ctx context.Context, tx database.Tx, batches []uuid.UUID) error {
	rows, err := tx.Query(ctx, `
		select l.account_id, l.recorded_at, l.effective_date, sum(l.debit)::text, sum(l.credit)::text, count(*)::bigint
		  from ledger_line l
		 where l.batch_id = any($1)
		   and exists (select 1 from ledger_block b where b.owner = l.account_id and b.until_at >= l.recorded_at)
		 group by l.account_id, l.recorded_at, l.effective_date
		 order by l.account_id, l.recorded_at, l.effective_date`, batches)
	if err != nil {
		return fmt.Errorf("summing late batches: %w", err)
	}
	list, _, err := collectLines(rows)
	if err != nil {
		return fmt.Errorf("summing late batches: %w", err)
	}
	return foldAll(ctx, tx, list)
}

func foldAll(ctx context.Context, tx database.Tx, list []slice) error {
	for _, s := range list {
		err := fold(ctx, tx, s)
		if errors.Is(err, errRange) {
			err = dropBlocks(ctx, tx, s.owner)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// foldBatches does the same for the general ledger.
func foldBatches(ctx context.Context, tx database.Tx, batches []uuid.UUID) error {
	rows, err := tx.Query(ctx, `
		select l.recorded_at, l.totals
		  from ledger_batch l
		 where l.id = any($1)
		   and exists (select 1 from ledger_block b where b.owner = $2 and b.until_at >= l.recorded_at)
		 order by l.recorded_at, l.id limit $3`, batches, booksOwner, SealBatchesMax)
	if err != nil {
		return fmt.Errorf("summing late batches: %w", err)
	}
	list, _, err := collectBatches(rows)
	if err != nil {
		return fmt.Errorf("summing late batches: %w", err)
	}
	return foldAll(ctx, tx, list)
}

// fold adds what was recorded at one instant to the owner's block that reaches
// over it, and to the sums above.
func fold(ctx context.Context, tx database.Tx, s slice) error {
	var number, blocks *int64
	err := tx.QueryRow(ctx, `
		select (select number from ledger_block where owner = $1 and until_at >= $2 order by until_at limit 1),
		       (select number + 1 from ledger_block where owner = $1 order by until_at desc limit 1)`,
		s.owner, s.at).Scan(&number, &blocks)
	if err != nil {
		return fmt.Errorf("looking for the block of %s at %s: %w", s.owner, s.at, err)
	}
	if number == nil || blocks == nil {
		return nil // the blocks were dropped for what an earlier slice would have added
	}
	if err := insertHeadings(ctx, tx, s); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update ledger_block set lines = lines + $3 where owner = $1 and number = $2`, s.owner, *number, s.lines)
	if err != nil {
		return fmt.Errorf("adding to block %d of %s: %w", *number, s.owner, err)
	}
	for level := int64(0); (*number>>(levelBits*level)+1)<<(levelBits*level) <= *blocks; level++ {
		if err := foldSums(ctx, tx, sumRef{level, *number >> (levelBits * level)}, s); err != nil {
			return err
		}
	}
	return nil
}

func foldSums(ctx context.Context, tx database.Tx, ref sumRef, s slice) error {
	owners := slices.SortedFunc(maps.Keys(s.sums), compareIDs)
	sum, err := readSums(ctx, tx, owners, ref.level, ref.number, ref.number)
	if err != nil {
		return err
	}
	sum.merge(s)
	_, err = tx.Exec(ctx, `
		delete from ledger_block_sum where owner = any($1) and level = $2 and number = $3`, owners, ref.level, ref.number)
	if err != nil {
		return fmt.Errorf("replacing sums %d of level %d: %w", ref.number, ref.level, err)
	}
	return insertSums(ctx, tx, ref, sum)
}

// dropBlocks gives up the blocks of an owner whose sums left the range.
func dropBlocks(ctx context.Context, tx database.Tx, owner uuid.UUID) error {
	owners, err := sumOwners(ctx, tx, owner)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `delete from ledger_block_sum where owner = any($1)`, owners); err != nil {
		return fmt.Errorf("dropping the blocks of %s: %w", owner, err)
	}
	if _, err := tx.Exec(ctx, `delete from ledger_block where owner = $1`, owner); err != nil {
		return fmt.Errorf("dropping the blocks of %s: %w", owner, err)
	}
	return nil
}
