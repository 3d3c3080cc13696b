package loandb

import (
	"context"
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// Parts is the number of shares that a book is cut into, so that several
// workers close its day without meeting.
const Parts = 32

// PartOf returns the share of its book that a loan belongs to, from 0.
func PartOf(loan uuid.UUID) int64 { return int64(loan[0] % Parts) }

// allParts are the shares of a book: naming them lets a question about all of a
// book use the index that leads with them.
var allParts = func() []int64 {
	parts := make([]int64, Parts)
	for i := range parts {
		parts[i] = int64(i)
	}
	return parts
}()

// Attention is what close-of-day has to look at: a loan that the start of a day
// would change.
type Attention struct {
	On     civil.Date
	LoanID uuid.UUID
}

// NeedingAttention returns up to limit loans of one part of a book that the
// start of a day up to on would change, in the order of day and id, behind
// after. Loans leave the list by being brought to that day.
func NeedingAttention(
	ctx context.Context, tx database.Tx, book uuid.UUID, part int64, on civil.Date, after Attention, limit int,
) ([]Attention, error) {
	rows, err := tx.Query(ctx, `
		select attention_on, id from loan
		 where book_id = $1 and part = $2 and attention_on <= $3 and (attention_on, id) > ($4, $5)
		 order by attention_on, id limit $6`, book, part, on, orEarliest(after.On), after.LoanID, limit)
	if err != nil {
		return nil, fmt.Errorf("finding loans to look at: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Attention])
	if err != nil {
		return nil, fmt.Errorf("finding loans to look at: %w", err)
	}
	return list, nil
}

// orEarliest returns the date, or one before every loan for the zero date.
func orEarliest(d civil.Date) civil.Date {
	if d.IsZero() {
		return civil.Date{Year: 1, Month: 1, Day: 1}
	}
	return d
}

// PartsNeedingAttention returns the parts of a book in which the start of a day
// up to on would change a loan.
func PartsNeedingAttention(ctx context.Context, tx database.Tx, book uuid.UUID, on civil.Date) ([]int64, error) {
	rows, err := tx.Query(ctx, `
		select u.part
		  from unnest($2::bigint[]) as u (part)
		  join lateral (select attention_on from loan
		                 where book_id = $1 and loan.part = u.part and attention_on <= $3
		                 order by attention_on limit 1) as soonest on true
		 order by u.part`, book, allParts, on)
	if err != nil {
		return nil, fmt.Errorf("finding parts to look at: %w", err)
	}
	parts, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("finding parts to look at: %w", err)
	}
	return parts, nil
}

// Ahead says what the next days will ask of a book.
type Ahead struct {
	// First is the first day up to the one asked for that changes a loan; the
	// zero date if none does.
	First civil.Date
	// Loans counts the loans that First changes.
	Loans int64
}

// NextAttention returns the first day up to on whose start changes a loan of the
// book; the zero date if none does.
func NextAttention(ctx context.Context, tx database.Tx, book uuid.UUID, on civil.Date) (civil.Date, error) {
	var first *civil.Date
	err := tx.QueryRow(ctx, `
		select min(soonest.attention_on)
		  from unnest($2::bigint[]) as u (part)
		  join lateral (select attention_on from loan
		                 where book_id = $1 and loan.part = u.part and attention_on <= $3
		                 order by attention_on limit 1) as soonest on true`,
		book, allParts, on).Scan(&first)
	if err != nil {
		return civil.Date{}, fmt.Errorf("looking ahead in book %s: %w", book, err)
	}
	if first == nil {
		return civil.Date{}, nil
	}
	return *first, nil
}

// LookAhead is NextAttention with the number of loans, which takes as long as
// there are many.
func LookAhead(ctx context.Context, tx database.Tx, book uuid.UUID, on civil.Date) (Ahead, error) {
	first, err := NextAttention(ctx, tx, book, on)
	if err != nil || first.IsZero() {
		return Ahead{}, err
	}
	ahead := Ahead{First: first}
	err = tx.QueryRow(ctx, `
		select count(*) from loan where book_id = $1 and part = any($2::bigint[]) and attention_on <= $3`,
		book, allParts, ahead.First).Scan(&ahead.Loans)
	if err != nil {
		return Ahead{}, fmt.Errorf("counting loans to look at in book %s: %w", book, err)
	}
	return ahead, nil
}

// SetAttention has a loan looked at on a day, or never if on is the zero date,
// without a change of the loan. The next change puts in what the loan itself says.
func SetAttention(ctx context.Context, tx database.Tx, loan uuid.UUID, on civil.Date) error {
	tag, err := tx.Exec(ctx, `update loan set attention_on = $2 where id = $1`, loan, orNull(on))
	if err != nil {
		return fmt.Errorf("setting when loan %s is looked at: %w", loan, err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("%w: %s", ErrNotFound, loan)
	}
	return nil
}
