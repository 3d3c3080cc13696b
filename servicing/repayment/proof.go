package repayment

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/upload"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Prove receives the file of form as the borrower's proof of a declared
// payment of the actor's own. The key is bound to the payment and the content.
// After an error nothing of the file is left. The errors are ErrNotFound,
// ErrDecided, ErrProof, and those of receiving a file.
func (s *Service) Prove(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID, form *upload.Form,
) (command.Result[Payment], error) {
	// Before a byte of the file is read: a stranger's payment is no place to
	// store anything. Its status is left to the transaction, because a repeated
	// request has to get its first answer.
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		_, err := s.ownPayment(ctx, tx, actor, id)
		return err
	})
	if err != nil {
		return command.Result[Payment]{}, err
	}
	received, err := s.intake.Receive(ctx, form)
	if err != nil {
		return command.Result[Payment]{}, err
	}
	result, err := s.attach(ctx, actor, key, id, received)
	if err != nil || result.Replayed {
		s.intake.Drop(ctx, received.Key)
	}
	return result, err
}

// proofRequest is what an idempotency key is bound to.
type proofRequest struct {
	PaymentID uuid.UUID `json:"payment_id"`
	SHA256    string    `json:"sha256"`
}

func (s *Service) attach(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID, received upload.Received,
) (command.Result[Payment], error) {
	bound := proofRequest{PaymentID: id, SHA256: received.SHA256}
	key, err := command.NewKey(key.Value, bound)
	if err != nil {
		return command.Result[Payment]{}, err
	}
	c := command.Command{Name: "repayment.prove", Actor: actor, Subject: id, Key: key, Detail: bound}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, _ time.Time) (Payment, error) {
		p, err := s.ownPayment(ctx, tx, actor, id)
		if err != nil {
			return Payment{}, err
		}
		switch p.Status {
		case Posted, Rejected:
			return Payment{}, fmt.Errorf("%w: it is %s", ErrDecided, p.Status)
		case Proven:
			return Payment{}, fmt.Errorf("%w: it has one already", ErrProof)
		}
		p.Status = Proven
		p.Proof = &Proof{ContentType: received.ContentType, Size: received.Size, SHA256: received.SHA256}
		if err := attachProof(ctx, tx, &p, received.Ref); err != nil {
			return Payment{}, err
		}
		return p, upload.Keep(ctx, tx, received.Key)
	})
}

// ownPayment returns a payment of the actor's own loan, or ErrNotFound.
func (s *Service) ownPayment(ctx context.Context, tx database.Tx, actor access.Actor, id uuid.UUID) (Payment, error) {
	stored, err := s.visiblePayment(ctx, tx, actor, id)
	return stored.Payment, err
}

// visiblePayment returns a payment of a loan of the actor's own, or of any loan
// for the roles, or ErrNotFound.
func (s *Service) visiblePayment(
	ctx context.Context, tx database.Tx, actor access.Actor, id uuid.UUID, roles ...access.Role,
) (storedPayment, error) {
	stored, err := findPayment(ctx, tx, id)
	if err != nil {
		return storedPayment{}, err
	}
	loan, err := loandb.Find(ctx, tx, stored.LoanID)
	if err != nil {
		return storedPayment{}, err
	}
	if !actor.MaySee(loan.CustomerID, roles...) {
		return storedPayment{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return stored, nil
}

// ReadProof opens the proof of a payment for its payer and for staff; the
// caller closes it. A payment without one is ErrProof.
func (s *Service) ReadProof(ctx context.Context, actor access.Actor, id uuid.UUID) (*upload.Download, error) {
	var stored storedPayment
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		stored, err = s.visiblePayment(ctx, tx, actor, id, access.Staff...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if stored.Proof == nil {
		return nil, fmt.Errorf("%w: none was given yet", ErrProof)
	}
	file := upload.Received{ContentType: stored.Proof.ContentType}
	file.Ref, file.Size, file.SHA256 = stored.ref, stored.Proof.Size, stored.Proof.SHA256
	return s.intake.Read(ctx, file, "proof-"+id.String())
}
