package closeofday

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Limits of a tie-out.
const (
	// DifferencesMax bounds the loans that a tie-out names.
	DifferencesMax = 100
	// TieOutPage bounds the loans that are compared with one question.
	TieOutPage = 1_000
)

// Component is one line of a tie-out: what the loans say of a component in one
// currency, and what the ledger has on the general ledger account of its role.
type Component struct {
	Role       ledger.Role  `json:"role"`
	GLCode     string       `json:"gl_code"`
	Loans      money.Amount `json:"loans"`
	Ledger     money.Amount `json:"ledger"`
	Difference money.Amount `json:"difference"` // the ledger less the loans
}

// LoanDifference is a component of a loan in which the ledger does not have
// what the loan says.
type LoanDifference struct {
	LoanID uuid.UUID `json:"loan_id"`
	Component
}

// TieOut proves, at one instant, that the control accounts and the loans agree
// by component, or names the loans that differ.
type TieOut struct {
	BookID uuid.UUID
	// Day is the last business day that was closed with it.
	Day        civil.Date
	MadeAt     time.Time
	Components []Component
	// Differences are the first DifferencesMax loans that differ; they are
	// looked for only when a component differs. What differs in loandb.SharedRoles
	// has no account of a loan to be looked for on.
	Differences []LoanDifference
	Agrees      bool
	SignedBy    string
	SignedAt    *time.Time
	Comment     string
}

// report is the part of a tie-out that is signed.
type report struct {
	Components  []Component      `json:"components"`
	Differences []LoanDifference `json:"differences"`
}

// Hash names the figures of the tie-out: SHA-256 over its book, day and report.
func (t *TieOut) Hash() (string, error) {
	text, err := json.Marshal([]any{t.BookID, t.Day, report{t.Components, t.Differences}})
	if err != nil {
		return "", fmt.Errorf("hashing the tie-out of %s: %w", t.Day, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// tieOut compares the ledger and the loans in one snapshot, without holding
// anybody up.
func (s *Service) tieOut(ctx context.Context, run uuid.UUID, now time.Time) (*TieOut, error) {
	var tie *TieOut
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		tie = nil
		r, err := findRun(ctx, tx, run)
		if err != nil {
			return err
		}
		tie = &TieOut{BookID: r.BookID, MadeAt: now}
		if tie.Components, err = components(ctx, tx); err != nil {
			return err
		}
		tie.Agrees = !slices.ContainsFunc(tie.Components, func(c Component) bool { return !c.Difference.IsZero() })
		if tie.Agrees {
			return nil
		}
		tie.Differences, err = allDifferences(ctx, tx)
		return err
	})
	return tie, err
}

// components sums both sides of every component.
func components(ctx context.Context, tx database.Tx) ([]Component, error) {
	trial, err := ledgerdb.Trial(ctx, tx, ledgerdb.Ever, ledgerdb.ByBooking)
	if err != nil {
		return nil, err
	}
	booked := map[[2]string]money.Amount{}
	for _, r := range trial.Rows {
		booked[[2]string{r.GL.Code, r.Currency.Code()}] = r.Net
	}
	sums, err := loandb.Sums(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, total := range trial.Totals { // money on the accounts of loans that are not there is a difference, too
		known := slices.ContainsFunc(sums, func(c loandb.CurrencyCarried) bool { return c.Currency == total.Currency })
		if !known {
			sums = append(sums, loandb.CurrencyCarried{Currency: total.Currency})
		}
	}
	var list []Component
	for _, sum := range sums {
		add := func(role ledger.Role, loans int64) {
			ledgerHas, ok := booked[[2]string{role.GL().Code, sum.Currency.Code()}]
			if !ok {
				ledgerHas = money.Zero(sum.Currency)
			}
			list = append(list, compare(role, money.New(loans, sum.Currency), ledgerHas))
		}
		for i, role := range servicing.LoanRoles {
			add(role, sum.Carried[i])
		}
		for i, role := range loandb.SharedRoles {
			add(role, sum.Shared[i])
		}
	}
	return list, nil
}

func compare(role ledger.Role, loans, ledgerHas money.Amount) Component {
	return Component{
		Role: role, GLCode: role.GL().Code, Loans: loans, Ledger: ledgerHas,
		Difference: money.New(ledgerHas.Minor()-loans.Minor(), loans.Currency()),
	}
}

// allDifferences looks at loan after loan for those that differ.
func allDifferences(ctx context.Context, tx database.Tx) ([]LoanDifference, error) {
	var found []LoanDifference
	for after := uuid.Nil; len(found) < DifferencesMax; {
		list, last, err := differences(ctx, tx, after)
		if err != nil {
			return nil, err
		}
		found = append(found, list...)
		if last == uuid.Nil {
			break
		}
		after = last
	}
	return found[:min(len(found), DifferencesMax)], nil
}

// differences compares one page of loans behind after with their own accounts
// and returns the last of them; uuid.Nil when there are no more.
func differences(ctx context.Context, tx database.Tx, after uuid.UUID) ([]LoanDifference, uuid.UUID, error) {
	page, err := loandb.CarriedBy(ctx, tx, after, TieOutPage)
	if err != nil || len(page) == 0 {
		return nil, uuid.Nil, err
	}
	ids := make([]uuid.UUID, 0, len(page)*len(servicing.LoanRoles))
	for _, loan := range page {
		for _, role := range servicing.LoanRoles {
			ids = append(ids, ledger.LoanAccountID(role, loan.LoanID, loan.Currency))
		}
	}
	balances, err := ledgerdb.Balances(ctx, tx, ledgerdb.Ever, ids...)
	if err != nil {
		return nil, uuid.Nil, err
	}
	var found []LoanDifference
	for n, loan := range page {
		for i, role := range servicing.LoanRoles {
			has := money.Zero(loan.Currency)
			if balance, ok := balances[ids[n*len(servicing.LoanRoles)+i]]; ok {
				has = balance.Net
			}
			c := compare(role, money.New(loan.Carried[i], loan.Currency), has)
			if !c.Difference.IsZero() {
				found = append(found, LoanDifference{LoanID: loan.LoanID, Component: c})
			}
		}
	}
	return found, page[len(page)-1].LoanID, nil
}

// CompareLoans compares TieOutPage loans behind after, in the order of their
// ids, with their own accounts in the ledger, and returns those that differ and
// the last loan that it looked at; uuid.Nil when there are no more.
func (s *Service) CompareLoans(
	ctx context.Context, after uuid.UUID,
) (found []LoanDifference, last uuid.UUID, err error) {
	err = database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		found, last, err = differences(ctx, tx, after)
		return err
	})
	return found, last, err
}

// recordTieOut keeps what the tie-out of the days up to closed said.
func (s *Service) recordTieOut(ctx context.Context, tx database.Tx, r *Run, closed civil.Date, tie *TieOut) error {
	tie.Day = closed
	switch {
	case !tie.Agrees:
		r.TiedOut = differs
		s.env.Log.ErrorContext(ctx, "the ledger and the loans differ", "day", closed.String(),
			"loans", len(tie.Differences))
	case r.TiedOut == "":
		r.TiedOut = agrees
	}
	return insertTieOut(ctx, tx, tie)
}

// FindTieOut returns the tie-out of a day, or the latest for the zero date. The
// error is ErrNoTieOut.
func (s *Service) FindTieOut(ctx context.Context, day civil.Date) (TieOut, error) {
	book, err := s.Book(ctx)
	if err != nil {
		return TieOut{}, err
	}
	var t TieOut
	err = database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		t, err = findTieOut(ctx, tx, book.ID, day)
		return err
	})
	return t, err
}

// Sign puts the name of the actor under the tie-out of a day. The errors are
// ErrNoTieOut, ErrSigned, and ErrUnexplained for one that differs without a comment.
func (s *Service) Sign(
	ctx context.Context, actor access.Actor, key command.Key, day civil.Date, comment string,
) (command.Result[TieOut], error) {
	book, err := s.Book(ctx)
	if err != nil {
		return command.Result[TieOut]{}, err
	}
	c := command.Command{Name: "closeofday.sign", Actor: actor, Subject: book.ID, Key: key, Detail: map[string]any{
		"day": day, "comment": comment,
	}}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (TieOut, error) {
		t, err := findTieOut(ctx, tx, book.ID, day)
		switch {
		case err != nil:
			return t, err
		case t.SignedAt != nil:
			return t, fmt.Errorf("%w by %s", ErrSigned, t.SignedBy)
		case !t.Agrees && comment == "":
			return t, ErrUnexplained
		}
		t.SignedBy, t.SignedAt, t.Comment = loandb.By(actor.ID, actor.Name), &now, comment
		return t, signTieOut(ctx, tx, &t)
	})
}
