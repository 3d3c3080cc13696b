package repayment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/reconcile"
	"github.com/tenor-lending/tenor/ledger/reconciledb"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Limits of confirming payments by bank lines.
const (
	// ConfirmMax bounds the payments that one reconciliation confirms; the next one
	// goes on.
	ConfirmMax = 500
	// waitingMax bounds the declared payments of a currency that are looked at; if
	// there are more, officers decide about all.
	waitingMax = 20_000
	// ReferenceMin is how many letters and digits a reference has at least that
	// tells a payment from others.
	ReferenceMin = 6
	// ConfirmDaysMax is how long after its value date the bank may book a payment.
	ConfirmDaysMax = 10
)

// confirmed is a payment that a bank line confirmed.
type confirmed struct{ payment, line uuid.UUID }

// confirm posts declared payments that lines of the bank confirm, and matches
// each with its line, in the caller's transaction. A line confirms a payment if
// it has its amount, currency and reference and was booked within ConfirmDaysMax
// of its value date, if a reconciliation found nothing in the books for it, and
// if no other line and no other waiting payment is like it. All else waits for an
// officer, and so does what the loan does not take. A line is claimed once and a
// payment decided once, so that hearing of a reconciliation again has no effect.
func (s *Service) confirm(
	ctx context.Context, tx database.Tx, now time.Time, actor access.Actor, accountID uuid.UUID, through civil.Date,
) ([]confirmed, error) {
	account, err := ledgerdb.Account(ctx, tx, accountID)
	if err != nil || account.ID() != ledger.ControlAccountID(ledger.FundSource, account.Currency) {
		return nil, err
	}
	waiting, err := listWaiting(ctx, tx, account.Currency)
	if err != nil {
		return nil, err
	}
	if len(waiting) > waitingMax {
		s.env.Log.WarnContext(ctx, "too many declared payments wait to be confirmed by the bank", "more than", waitingMax)
		return nil, nil
	}
	pairs, err := s.pair(ctx, tx, account, through, waiting)
	if err != nil {
		return nil, err
	}
	var done []confirmed
	for _, p := range pairs {
		posted, err := s.confirmOne(ctx, tx, now, actor, account, p)
		if err != nil {
			return nil, err
		}
		if posted {
			done = append(done, confirmed{p.payment, p.line.ID})
		}
		if len(done) == ConfirmMax {
			break
		}
	}
	return done, nil
}

// waitingPayment is what of a declared payment is compared with bank lines.
type waitingPayment struct {
	ID        uuid.UUID
	Amount    int64
	ValueDate civil.Date
	Reference string
}

// likeness is what a payment and its bank line have in common.
type likeness struct {
	reference string
	amount    int64
}

// paired is a payment with the one line that is like it.
type paired struct {
	payment uuid.UUID
	line    reconciledb.BankLine
}

// pair finds the one line for each payment that is alone of its likeness.
func (s *Service) pair(
	ctx context.Context, tx database.Tx, account ledger.Account, through civil.Date, waiting []waitingPayment,
) ([]paired, error) {
	payments := map[likeness][]waitingPayment{}
	var amounts []int64
	for _, p := range waiting {
		key := likeness{reconcile.NormalReference(p.Reference), p.Amount}
		if len(key.reference) < ReferenceMin {
			continue
		}
		payments[key] = append(payments[key], p)
		amounts = append(amounts, p.Amount)
	}
	if len(amounts) == 0 {
		return nil, nil
	}
	missing, all, err := reconciledb.MissingInBooks(ctx, tx, account, through, amounts)
	if err != nil {
		return nil, err
	}
	if !all { // one like it may be among those that were not read
		s.env.Log.WarnContext(ctx, "too many bank lines are missing in the books to confirm payments by them",
			"account", account.ID(), "read", len(missing))
		return nil, nil
	}
	lines := map[likeness][]reconciledb.BankLine{}
	for _, line := range missing {
		own, bank := reconcile.NormalReference(line.Reference), reconcile.NormalReference(line.BankReference)
		lines[likeness{own, line.Amount.Minor()}] = append(lines[likeness{own, line.Amount.Minor()}], line)
		if bank != own {
			lines[likeness{bank, line.Amount.Minor()}] = append(lines[likeness{bank, line.Amount.Minor()}], line)
		}
	}
	var pairs []paired
	for _, p := range waiting { // in their order
		key := likeness{reconcile.NormalReference(p.Reference), p.Amount}
		if len(payments[key]) != 1 || len(lines[key]) != 1 {
			continue
		}
		line := lines[key][0]
		if days := line.BookingDate.DaysSince(p.ValueDate); days >= 0 && days <= ConfirmDaysMax {
			pairs = append(pairs, paired{p.ID, line})
		}
	}
	return pairs, nil
}

// refusals are errors of a loan that does not take a payment.
var refusals = []error{
	servicing.ErrNotActive, servicing.ErrInvalid, servicing.ErrPayoffShort, servicing.ErrQuoteVoid, servicing.ErrConflict,
}

// confirmOne posts a payment and claims its line; false if the loan does not
// take it, or its product books money elsewhere than on the account.
func (s *Service) confirmOne(
	ctx context.Context, tx database.Tx, now time.Time, actor access.Actor, account ledger.Account, pair paired,
) (bool, error) {
	stored, err := findPayment(ctx, tx, pair.payment)
	if err != nil {
		return false, err
	}
	p := stored.Payment
	at, err := lockLoan(ctx, tx, p.LoanID)
	if err != nil {
		return false, err
	}
	p.recovers(&at.loan)
	change, err := loandb.Do(ctx, tx, &at.loan, p.order(), at.business)
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			s.env.Log.InfoContext(ctx, "the bank has a payment that its loan does not take", "payment", p.ID, "error", err)
			return false, nil
		}
	}
	if err != nil {
		return false, err
	}
	booked, ok := bookedOn(&change, account, p.Amount.Minor())
	if !ok {
		return false, nil
	}
	p.posted(&change, actor, now)
	p.Reason = "confirmed by bank line " + pair.line.ID.String()
	if err := decidePayment(ctx, tx, &p); err != nil {
		return false, err
	}
	if err := s.store(ctx, tx, now, actor, &change); err != nil {
		return false, err
	}
	_, err = reconciledb.MatchLines(ctx, tx, now, reconciledb.ManualMatch{
		ID: s.env.NewID(), Account: account, Rule: reconciledb.RuleEntry, By: actor.ID.String(), EntryID: booked.ID,
		Note: "declared payment " + p.ID.String(),
		Lines: reconciledb.Lines{
			Bank: []reconcile.LineID{{ID: pair.line.ID}}, Books: []reconcile.LineID{booked},
		},
	})
	if err != nil {
		return false, fmt.Errorf("confirming payment %s by bank line %s: %w", p.ID, pair.line.ID, err)
	}
	return true, nil
}

// bookedOn finds the line of a change that debits an amount to an account.
func bookedOn(change *servicing.Change, account ledger.Account, amount int64) (reconcile.LineID, bool) {
	for i := range change.Entries {
		entry := &change.Entries[i]
		if entry.Metadata["payment_id"] == "" {
			continue
		}
		for no, line := range entry.Lines {
			if line.AccountID == account.ID() && line.Side == ledger.Debit && line.Amount.Minor() == amount {
				return reconcile.LineID{ID: entry.ID(), No: int64(no)}, true
			}
		}
	}
	return reconcile.LineID{}, false
}
