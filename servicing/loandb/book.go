package loandb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
)

// Book is a set of loans that share a business date.
type Book struct {
	ID           uuid.UUID
	Name         string
	BusinessDate civil.Date
}

// EnsureBook opens the book with the business date unless it exists.
func EnsureBook(ctx context.Context, tx database.Tx, now time.Time, book Book) error {
	_, err := tx.Exec(ctx, `
		insert into book (id, name, business_date, created_at) values ($1, $2, $3, $4)
		on conflict (name) do nothing`, book.ID, book.Name, book.BusinessDate, now)
	if err != nil {
		return fmt.Errorf("opening book %s: %w", book.Name, err)
	}
	return nil
}

// StartBook opens the book unless it exists; its first business date is the
// calendar date of now in the IANA time zone.
func StartBook(ctx context.Context, db *database.DB, id uuid.UUID, name, zone string, now time.Time) error {
	place, err := time.LoadLocation(zone)
	if err != nil {
		return fmt.Errorf("time zone of book %s: %w", name, err)
	}
	err = database.InReadTx(ctx, db, func(tx database.Tx) error {
		_, err := BookByName(ctx, tx, name)
		return err
	})
	if !errors.Is(err, ErrNoBook) {
		return err // it is open, as at every start but the first: nothing is written that could fail
	}
	book := Book{ID: id, Name: name, BusinessDate: civil.DateOf(now.In(place))}
	return database.InTx(ctx, db, func(tx database.Tx) error {
		return EnsureBook(ctx, tx, now.UTC().Truncate(time.Microsecond), book)
	})
}

// BookByName returns a book, or ErrNoBook.
func BookByName(ctx context.Context, tx database.Tx, name string) (Book, error) {
	book := Book{Name: name}
	err := tx.QueryRow(ctx, `select id, business_date from book where name = $1`, name).
		Scan(&book.ID, &book.BusinessDate)
	if errors.Is(err, database.ErrNoRows) {
		return Book{}, fmt.Errorf("%w: %s", ErrNoBook, name)
	}
	if err != nil {
		return Book{}, fmt.Errorf("reading book %s: %w", name, err)
	}
	return book, nil
}

// BusinessDate returns the business date of a book, or ErrNoBook.
func BusinessDate(ctx context.Context, tx database.Tx, id uuid.UUID) (civil.Date, error) {
	var date civil.Date
	err := tx.QueryRow(ctx, `select business_date from book where id = $1`, id).Scan(&date)
	if errors.Is(err, database.ErrNoRows) {
		return civil.Date{}, fmt.Errorf("%w: %s", ErrNoBook, id)
	}
	if err != nil {
		return civil.Date{}, fmt.Errorf("reading book %s: %w", id, err)
	}
	return date, nil
}

// MoveBusinessDate moves the date of a book from one day to a later one, or
// returns ErrStale if it is not at from.
func MoveBusinessDate(ctx context.Context, tx database.Tx, id uuid.UUID, from, to civil.Date) error {
	tag, err := tx.Exec(ctx, `
		update book set business_date = $3 where id = $1 and business_date = $2 and $3 > $2`, id, from, to)
	if err != nil {
		return fmt.Errorf("moving business date of book %s: %w", id, err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("moving business date of book %s from %s: %w", id, from, ErrStale)
	}
	return nil
}
