package repayment

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

func (s *Service) subscriptions() []stream.Subscription {
	return []stream.Subscription{stream.On(s.onReconciliationCompleted)}
}

// onReconciliationCompleted posts the declared payments that the bank has seen.
func (s *Service) onReconciliationCompleted(
	ctx context.Context, tx database.Tx, _ event.Envelope, e event.ReconciliationCompleted,
) error {
	now := s.env.Now().UTC().Truncate(time.Microsecond) // what the database can store
	actor := access.Platform(name)
	confirmed, err := s.confirm(ctx, tx, now, actor, e.AccountID, e.Through)
	if err != nil || len(confirmed) == 0 {
		return err
	}
	audit := make([]command.Command, len(confirmed))
	for i, c := range confirmed {
		audit[i] = command.Command{
			Name: "repayment.confirm", Actor: actor, Subject: c.payment,
			Detail: map[string]uuid.UUID{"bank_line_id": c.line, "run_id": e.RunID},
		}
	}
	return command.AuditAll(ctx, tx, now, audit...)
}
