package risk

import (
	"context"
	"fmt"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

func (s *Service) subscriptions() []stream.Subscription {
	return []stream.Subscription{stream.On(s.onSubmitted), stream.On(s.onKYCApproved)}
}

func (s *Service) onSubmitted(
	ctx context.Context, tx database.Tx, _ event.Envelope, e event.ApplicationSubmitted,
) error {
	currency := e.Amount.Currency()
	if e.MonthlyIncome.Currency() != currency || e.MonthlyObligations.Currency() != currency {
		return fmt.Errorf("%w: application %s mixes currencies", event.ErrMalformed, e.ApplicationID)
	}
	return keepInputs(ctx, tx, intake{customerID: e.CustomerID, inputs: Inputs{
		ApplicationID: e.ApplicationID, Product: e.Product, Amount: e.Amount, Instalments: e.Instalments,
		MonthlyIncome: e.MonthlyIncome, MonthlyObligations: e.MonthlyObligations,
	}}, s.now())
}

// onKYCApproved assesses at once: nobody has to ask for it.
func (s *Service) onKYCApproved(ctx context.Context, tx database.Tx, _ event.Envelope, e event.KYCApproved) error {
	found, err := approveKYC(ctx, tx, e.ApplicationID)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: submission of %s", stream.ErrNotYet, e.ApplicationID)
	}
	k, _, err := findIntake(ctx, tx, e.ApplicationID)
	if err != nil {
		return err
	}
	now := s.now()
	if _, err := s.assess(ctx, tx, k, now); err != nil {
		return err
	}
	return command.Audit(ctx, tx, command.Command{
		Name: "risk.assess", Actor: access.Platform("risk"), Subject: e.ApplicationID,
	}, now)
}

// now is the clock as precise as the database stores it.
func (s *Service) now() time.Time { return s.env.Now().UTC().Truncate(time.Microsecond) }
