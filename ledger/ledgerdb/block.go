package ledgerdb

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// Blocks make sums over long histories cheap. What an account holds on a day,
// as known at an instant, is what its blocks through that instant tell of the
// day, and the lines recorded after the last of them. Blocks hold sealed lines
// only, so that whatever the instants say, a line is in a block or found
// beside it:
//
//   - a line recorded after the block's end is in the tail, sealed or not;
//   - one recorded before it in a batch that committed late is in the queue of
//     the batches to seal, until the step that seals it adds it to the block.

// levelBits is the power of two by which a level has fewer sums than the one
// below.
const levelBits = 3

// shape is how blocks are made. What is made with one shape is read and
// continued with any other.
type shape struct {
	// lines is the number of lines at which a block of an account ends, and so
	// about what a sum reads line by line at most.
	lines int64
	// batches is the same for the general ledger, which counts batches.
	batches int64
	// sample is how many entries there are for one whose accounts are looked
	// at: an account is due soon after it has lines enough, without a counter
	// that every line would have to move.
	sample int64
}

var blockShape = shape{lines: 1_024, batches: 128, sample: 64}

// beginning is before every instant of recording.
var beginning = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)

// booksOwner owns the blocks of the general ledger.
var booksOwner = uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:ledger:books"))

// headingID returns the owner of the sums of a heading.
func headingID(basis Basis, h heading) uuid.UUID {
	return uuid.NewSHA1(booksOwner, []byte(string(basis)+"\x00"+h.gl+"\x00"+h.currency))
}

// sumRef names one row of sums for each date.
type sumRef struct{ level, number int64 }

// cover returns the sums that together stand for the first n blocks, each block
// once: of every level those that the level above has no sum for yet.
func cover(n int64) []sumRef {
	var refs []sumRef
	for level := int64(0); n>>(levelBits*level) > 0; level++ {
		for number := n >> (levelBits * (level + 1)) << levelBits; number < n>>(levelBits*level); number++ {
			refs = append(refs, sumRef{level, number})
		}
	}
	return refs
}

// covered says how far the blocks of an owner reach.
type covered struct {
	blocks int64
	until  time.Time
}

// reach is how far blocks reach through an instant.
type reach struct {
	owners map[uuid.UUID]covered // an owner without blocks is not there
	last   time.Time             // the latest until
	// late says that a batch recorded before last waits for its seal: its lines
	// are in no block.
	late bool
}

func (r reach) of(owner uuid.UUID) covered {
	if c, ok := r.owners[owner]; ok {
		return c
	}
	return covered{until: beginning}
}

// readReach asks how far the blocks of owners reach through the instant known.
func readReach(ctx context.Context, tx database.Tx, known time.Time, owners []uuid.UUID) (reach, error) {
	r := reach{owners: map[uuid.UUID]covered{}, last: beginning}
	var waiting time.Time
	var questions pgx.Batch
	questions.Queue(`
		select u.owner, b.number, b.until_at
		  from unnest($1::uuid[]) as u (owner)
		  join lateral (select number, until_at from ledger_block
		                 where owner = u.owner and until_at <= $2 order by until_at desc limit 1) b on true`,
		owners, known).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var owner uuid.UUID
			var number int64
			var c covered
			if err := rows.Scan(&owner, &number, &c.until); err != nil {
				return err
			}
			c.blocks = number + 1
			r.owners[owner] = c
			if c.until.After(r.last) {
				r.last = c.until
			}
		}
		return rows.Err()
	})
	questions.Queue(`
		select recorded_at from ledger_unsealed order by recorded_at, batch_id limit 1`).Query(
		func(rows pgx.Rows) error {
			for rows.Next() {
				if err := rows.Scan(&waiting); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	if err := tx.SendBatch(ctx, &questions).Close(); err != nil {
		return reach{}, fmt.Errorf("reading how far blocks reach: %w", err)
	}
	r.late = !waiting.IsZero() && !waiting.After(r.last)
	return r, nil
}
