package reconcilesvc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/reconcile"
	"github.com/tenor-lending/tenor/ledger/reconciledb"
)

// errNoEntryLine cannot happen: an entry was posted and has no line where it must.
var errNoEntryLine = errors.New("the entry has no line on the account")

// Match matches lines by hand and returns the match's id.
func (s *Service) Match(
	ctx context.Context, actor access.Actor, key command.Key, account uuid.UUID, lines reconciledb.Lines, note string,
) (command.Result[uuid.UUID], error) {
	id := s.env.NewID()
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "reconcile.match", Actor: actor, Subject: id, Key: key,
		Detail: map[string]any{"account": account, "lines": lines, "note": note},
	}, func(tx database.Tx, now time.Time) (uuid.UUID, error) {
		found, err := ledgerdb.Account(ctx, tx, account)
		if err != nil {
			return uuid.Nil, err
		}
		_, err = reconciledb.MatchLines(ctx, tx, now, reconciledb.ManualMatch{
			ID: id, Account: found, Rule: reconciledb.RuleManual, Lines: lines, Note: note, By: actor.ID.String(),
		})
		return id, err
	})
}

// Undo takes a match apart.
func (s *Service) Undo(
	ctx context.Context, actor access.Actor, key command.Key, match uuid.UUID, reason string,
) (command.Result[uuid.UUID], error) {
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "reconcile.undo_match", Actor: actor, Subject: match, Key: key,
		Detail: map[string]string{"reason": reason},
	}, func(tx database.Tx, now time.Time) (uuid.UUID, error) {
		return match, reconciledb.Undo(ctx, tx, now, match, actor.ID.String(), reason)
	})
}

// Explain says why a break stands.
func (s *Service) Explain(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID, text string,
) (command.Result[uuid.UUID], error) {
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "reconcile.explain_break", Actor: actor, Subject: id, Key: key, Detail: map[string]string{"text": text},
	}, func(tx database.Tx, now time.Time) (uuid.UUID, error) {
		return id, reconciledb.Explain(ctx, tx, now, id, actor.ID.String(), text)
	})
}

// EntryInput is the entry that resolves a break.
type EntryInput struct {
	// Counter is the account that takes the other side.
	Counter uuid.UUID
	Kind    string
	// Effective is from when it counts; zero is the day of the break. Booking is
	// the date whose period takes it; zero is Effective.
	Effective, Booking civil.Date
	Description        string
}

// ResolveByEntry posts an entry for the amount of a break on its account and
// matches it with the break's line, in one transaction. It returns the entry's
// id. The errors are those of ledgerdb.Post, reconciledb.ErrNotFound,
// ErrResolved and ErrClaimed.
func (s *Service) ResolveByEntry(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID, in EntryInput,
) (command.Result[uuid.UUID], error) {
	matchID := s.env.NewID()
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "reconcile.resolve_break", Actor: actor, Subject: id, Key: key,
		Detail: map[string]any{"counter": in.Counter, "kind": in.Kind, "description": in.Description},
	}, func(tx database.Tx, now time.Time) (uuid.UUID, error) {
		owner, err := reconciledb.BreakAccount(ctx, tx, id)
		if err != nil {
			return uuid.Nil, err
		}
		account, err := ledgerdb.Account(ctx, tx, owner)
		if err != nil {
			return uuid.Nil, err
		}
		b, err := reconciledb.BreakByID(ctx, tx, account.Currency, id)
		if err != nil {
			return uuid.Nil, err
		}
		if b.State == reconciledb.Closed {
			return uuid.Nil, fmt.Errorf("break %s: %w", id, reconciledb.ErrResolved)
		}
		entry := in.entry(account, b, actor, key.Value)
		if _, err := ledgerdb.Post(ctx, tx, now, entry); err != nil {
			return uuid.Nil, err
		}
		return entry.ID(), settle(ctx, tx, now, account, b, entry.ID(), matchID, in.Description, actor.ID.String())
	})
}

// entry makes the journal entry: what the bank has more is a debit of the
// account, what it has less a credit.
func (in EntryInput) entry(
	account ledger.Account, b reconciledb.Break, actor access.Actor, key string,
) ledger.JournalEntry {
	e := ledger.JournalEntry{
		Key: "reconcile/" + b.ID.String() + "/" + actor.ID.String() + "/" + key, Kind: in.Kind, EffectiveDate: in.Effective,
		BookingDate: in.Booking, Reference: b.ID.String(), Description: in.Description, PostedBy: actor.ID.String(),
	}
	if e.EffectiveDate.IsZero() {
		e.EffectiveDate = b.Day
	}
	side, amount := ledger.Debit, b.Amount
	if amount.IsNegative() {
		side, amount = ledger.Credit, ledger.NewAmount(-amount.Minor(), amount.Currency())
	}
	e.Lines = []ledger.Line{
		{AccountID: account.ID(), Side: side, Amount: amount},
		{AccountID: in.Counter, Side: side.Opposite(), Amount: amount},
	}
	return e
}

// settle matches the line of the entry with what the break is about.
func settle(
	ctx context.Context, tx database.Tx, now time.Time, account ledger.Account, b reconciledb.Break,
	entry, matchID uuid.UUID, note, by string,
) error {
	lines, err := ledgerdb.EntryLinesOn(ctx, tx, account, entry)
	if err != nil {
		return err
	}
	if len(lines) != 1 {
		return errNoEntryLine
	}
	line := reconcile.LineID{ID: entry, No: lines[0].Position.Line}
	if b.Side == reconciledb.SideMatch {
		return reconciledb.SettleDifference(ctx, tx, now, account, b, line, by)
	}
	match := reconciledb.ManualMatch{
		ID: matchID, Account: account, Rule: reconciledb.RuleEntry, Note: note, By: by, EntryID: entry,
		Lines: reconciledb.Lines{Books: []reconcile.LineID{line}},
	}
	if b.Side == reconcile.Bank {
		match.Lines.Bank = []reconcile.LineID{b.Line}
	} else {
		match.Lines.Books = []reconcile.LineID{b.Line, line}
	}
	_, err = reconciledb.MatchLines(ctx, tx, now, match)
	return err
}
