package repayment

import (
	"context"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// NewCredit is what the lender credits to a loan.
type NewCredit struct {
	NewPayment
	// Reason is for people.
	Reason string
}

// Credit posts a credit: it is allocated as a payment is, booked as what it is,
// listed among the payments of the loan, and reversed as one of them. The
// errors are ErrLoanNotFound and those of servicing.Loan.Pay.
func (s *Service) Credit(
	ctx context.Context, actor access.Actor, key command.Key, in NewCredit,
) (command.Result[Payment], error) {
	c := command.Command{
		Name: "repayment.credit", Actor: actor, Subject: in.LoanID, Key: key,
		Detail: map[string]any{"kind": in.Kind, "amount": in.Amount, "reason": in.Reason},
	}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Payment, error) {
		at, err := lockLoan(ctx, tx, in.LoanID)
		if err != nil {
			return Payment{}, err
		}
		p := s.newPayment(actor, &in.NewPayment, at, now)
		p.Reason = in.Reason
		change, err := loandb.Do(ctx, tx, &at.loan, p.order(), at.business)
		if err != nil {
			return Payment{}, err
		}
		p.posted(&change, actor, now)
		insertPayments(tx, &p)
		return p, s.store(ctx, tx, now, actor, &change)
	})
}
