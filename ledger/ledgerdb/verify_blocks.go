package ledgerdb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// verifyPage bounds the sums that are compared at once.
const verifyPage = 64

// verifyAccounts holds every account against its code, the rules of accounts
// and its general ledger account.
func verifyAccounts(read reader) error {
	f := AccountFilter{Limit: walkAccounts}
	for {
		var page []ledger.Account
		err := read(func(ctx context.Context, tx database.Tx) error {
			var err error
			if page, err = ListAccounts(ctx, tx, f); err != nil {
				return err
			}
			return checkAccounts(ctx, tx, page)
		})
		if errors.Is(err, errStoredAccount) {
			return &Tampered{What: "an account: " + err.Error()}
		}
		if err != nil || len(page) < walkAccounts {
			return err
		}
		f.After = page[len(page)-1].Code
	}
}

func checkAccounts(ctx context.Context, tx database.Tx, page []ledger.Account) error {
	codes := make([]string, len(page))
	for i, a := range page {
		codes[i] = a.GLCode
	}
	headings, err := glByCode(ctx, tx, codes)
	if err != nil {
		return err
	}
	for _, a := range page {
		gl, ok := headings[a.GLCode]
		if err := a.Validate(); err != nil || !ok || gl.Type != a.Type || gl.NormalSide != a.NormalSide {
			return &Tampered{Entry: a.ID(), What: "is an account that is not as it was opened"}
		}
	}
	return nil
}

// verifyBlocks compares the blocks with the lines that they hold, and the sums
// of each level with those of the level below.
func verifyBlocks(read reader) error {
	var owner uuid.UUID
	for {
		err := read(func(ctx context.Context, tx database.Tx) error {
			return tx.QueryRow(ctx, `
				select owner from ledger_block where owner > $1 order by owner, until_at limit 1`, owner).Scan(&owner)
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return read(strayBlocks)
		}
		if err != nil {
			return fmt.Errorf("looking for blocks to verify: %w", err)
		}
		for level, more := int64(0), true; more; level++ {
			if more, err = verifyLevel(read, owner, level); err != nil {
				return err
			}
		}
	}
}

// verifyLevel returns whether there is a level above.
func verifyLevel(read reader, owner uuid.UUID, level int64) (bool, error) {
	for from := int64(0); ; from += verifyPage {
		var count int64
		err := read(func(ctx context.Context, tx database.Tx) error {
			bounds, err := blockBounds(ctx, tx, owner)
			if err != nil {
				return err
			}
			if count = int64(len(bounds)) >> (levelBits * level); from >= count {
				return nil
			}
			return comparePage(ctx, tx, owner, bounds, sumRef{level, from}, min(from+verifyPage, count))
		})
		if err != nil {
			return false, err
		}
		if from+verifyPage >= count {
			return count>>levelBits > 0, nil
		}
	}
}

// blockBound is the end of a block and the number of its lines.
type blockBound struct {
	until time.Time
	lines int64
}

func blockBounds(ctx context.Context, tx database.Tx, owner uuid.UUID) ([]blockBound, error) {
	rows, err := tx.Query(ctx, `
		select number, until_at, lines from ledger_block where owner = $1 order by until_at`, owner)
	if err != nil {
		return nil, fmt.Errorf("reading blocks to verify: %w", err)
	}
	defer rows.Close()
	var bounds []blockBound
	for rows.Next() {
		var number int64
		var b blockBound
		if err := rows.Scan(&number, &b.until, &b.lines); err != nil {
			return nil, fmt.Errorf("reading blocks to verify: %w", err)
		}
		if number != int64(len(bounds)) {
			return nil, badBlock(owner, sumRef{number: int64(len(bounds))})
		}
		bounds = append(bounds, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading blocks to verify: %w", err)
	}
	return bounds, nil
}

func badBlock(owner uuid.UUID, ref sumRef) error {
	return &Tampered{Entry: owner, What: fmt.Sprintf(
		"is an account or heading whose block %d of level %d is not the sum of its lines", ref.number, ref.level)}
}

// comparePage compares the sums from..to of a level with what they stand for.
func comparePage(
	ctx context.Context, tx database.Tx, owner uuid.UUID, bounds []blockBound, from sumRef, to int64,
) error {
	owners, err := sumOwners(ctx, tx, owner)
	if err != nil {
		return err
	}
	for number := from.number; number < to; number++ {
		var want slice
		if from.level == 0 {
			after := beginning
			if number > 0 {
				after = bounds[number-1].until
			}
			want, err = sealedSums(ctx, tx, owner, after, bounds[number].until)
			if err == nil && (want.lines != bounds[number].lines || !want.at.Equal(bounds[number].until)) {
				return badBlock(owner, sumRef{0, number})
			}
		} else {
			want, err = readSums(ctx, tx, owners, from.level-1, number<<levelBits, (number+1)<<levelBits-1)
		}
		if err != nil {
			return err
		}
		have, err := readSums(ctx, tx, owners, from.level, number, number)
		if err != nil {
			return err
		}
		if !maps.EqualFunc(want.sums, have.sums, func(a, b dailySums) bool { return maps.Equal(a, b) }) {
			return badBlock(owner, sumRef{from.level, number})
		}
	}
	return nil
}

// sealedSums sums what an owner has of sealed batches after one instant and
// through another.
func sealedSums(ctx context.Context, tx database.Tx, owner uuid.UUID, after, until time.Time) (slice, error) {
	sum := newSlice(owner, after)
	var list []slice
	if owner == booksOwner {
		rows, err := tx.Query(ctx, `
			select b.recorded_at, b.totals from ledger_batch b join ledger_seal s on s.batch_id = b.id
			 where b.recorded_at > $1 and b.recorded_at <= $2 order by b.recorded_at, b.id`, after, until)
		if err == nil {
			list, _, err = collectBatches(rows)
		}
		if err != nil {
			return slice{}, fmt.Errorf("summing the general ledger to verify it: %w", err)
		}
	} else {
		rows, err := tx.Query(ctx, `
			select l.account_id, l.recorded_at, l.effective_date, sum(l.debit)::text, sum(l.credit)::text, count(*)::bigint
			  from ledger_line l join ledger_seal s on s.batch_id = l.batch_id
			 where l.account_id = $1 and l.recorded_at > $2 and l.recorded_at <= $3
			 group by l.account_id, l.recorded_at, l.effective_date
			 order by l.account_id, l.recorded_at, l.effective_date`, owner, after, until)
		if err == nil {
			list, _, err = collectLines(rows)
		}
		if err != nil {
			return slice{}, fmt.Errorf("summing account %s to verify it: %w", owner, err)
		}
	}
	for _, s := range list {
		sum.merge(s)
	}
	return sum, nil
}

// strayBlocks finds sums that belong to no block.
func strayBlocks(ctx context.Context, tx database.Tx) error {
	rows, err := tx.Query(ctx, `
		select s.owner, s.level, max(s.number), coalesce(b.blocks, 0)
		  from ledger_block_sum s
		  left join ledger_heading h on h.id = s.owner
		  left join (select owner, count(*) as blocks from ledger_block group by owner) b
		       on b.owner = case when h.id is null then s.owner else $1 end
		 group by s.owner, s.level, b.blocks order by s.owner, s.level`, booksOwner)
	if err != nil {
		return fmt.Errorf("looking for stray blocks: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var owner uuid.UUID
		var ref sumRef
		var blocks int64
		if err := rows.Scan(&owner, &ref.level, &ref.number, &blocks); err != nil {
			return fmt.Errorf("looking for stray blocks: %w", err)
		}
		if ref.level > blocks || ref.number >= blocks>>(levelBits*ref.level) {
			return badBlock(owner, ref)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("looking for stray blocks: %w", err)
	}
	return nil
}
