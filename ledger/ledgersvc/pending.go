package ledgersvc

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

const (
	// expireMax bounds the pending entries that one transaction ends.
	expireMax   = 200
	expirePause = time.Second
)

// OpenPending announces an entry under the client's key and returns its id.
func (s *Service) OpenPending(
	ctx context.Context, actor access.Actor, key command.Key, p ledger.Pending,
) (command.Result[uuid.UUID], error) {
	p.Key, p.PostedBy = entryKey("pending", actor, key.Value), actor.ID.String()
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "ledger.open_pending_entry", Actor: actor, Subject: p.ID(), Key: key,
	}, func(tx database.Tx, now time.Time) (uuid.UUID, error) {
		posted, err := ledgerdb.OpenPending(ctx, tx, now, p)
		return posted.ID, err
	})
}

// PostPending books a pending entry under the client's key.
func (s *Service) PostPending(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID, how ledgerdb.PendingPost,
) (command.Result[ledgerdb.Posted], error) {
	how.Key, how.PostedBy = entryKey("settle", actor, key.Value), actor.ID.String()
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "ledger.post_pending_entry", Actor: actor, Subject: id, Key: key,
	}, func(tx database.Tx, now time.Time) (ledgerdb.Posted, error) {
		return ledgerdb.PostPending(ctx, tx, now, id, how)
	})
}

// VoidPending gives a pending entry up and returns its id.
func (s *Service) VoidPending(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID,
) (command.Result[uuid.UUID], error) {
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "ledger.void_pending_entry", Actor: actor, Subject: id, Key: key,
	}, func(tx database.Tx, now time.Time) (uuid.UUID, error) {
		return id, ledgerdb.VoidPending(ctx, tx, now, id, actor.ID.String())
	})
}

// expire ends pending entries whose time is over until ctx ends.
func (s *Service) expire(ctx context.Context) error {
	return s.every(ctx, "expire pending entries", expirePause, func() error {
		for {
			var ended int
			err := database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
				var err error
				ended, err = ledgerdb.ExpirePending(ctx, tx, s.env.Now(), expireMax)
				return err
			})
			if err != nil || ended < expireMax {
				return err
			}
		}
	})
}
