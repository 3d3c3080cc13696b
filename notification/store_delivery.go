package notification

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

func insertDelivery(
	ctx context.Context, tx database.Tx, id uuid.UUID, m storedMessage, channel Channel, due time.Time,
) error {
	_, err := tx.Exec(ctx, `
		insert into delivery
		       (id, message_id, recipient_id, channel, state, attempts, due_at, lease_id, via, fault, closed_at)
		values ($1, $2, $3, $4, 'PENDING', 0, $5, null, '', '', null)`, id, m.ID, m.RecipientID, channel, due)
	if err != nil {
		return fmt.Errorf("storing delivery of message %s: %w", m.ID, err)
	}
	return nil
}

// claimed is a delivery that this process may make until its lease ends.
type claimed struct {
	ID          uuid.UUID
	MessageID   uuid.UUID
	RecipientID uuid.UUID
	Channel     Channel
	Attempts    int
	Sealed      string
}

// claimDeliveries leases deliveries that are due, the longest due first.
// Others skip them until leaseEnd.
func claimDeliveries(
	ctx context.Context, tx database.Tx, lease uuid.UUID, now, leaseEnd time.Time, limit int,
) ([]claimed, error) {
	rows, err := tx.Query(ctx, `
		update delivery set lease_id = $1, due_at = $3, attempts = attempts + 1
		 where id in (select id from delivery where state = 'PENDING' and due_at <= $2
		               order by due_at, id limit $4 for update skip locked)
		returning id`, lease, now, leaseEnd, limit)
	if err != nil {
		return nil, fmt.Errorf("claiming deliveries: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("claiming deliveries: %w", err)
	}
	rows, err = tx.Query(ctx, `
		select d.id, d.message_id, d.recipient_id, d.channel, d.attempts, m.sealed_content
		  from delivery as d join message as m on m.id = d.message_id
		 where d.id = any($1::uuid[]) order by d.id limit $2`, ids, limit)
	if err != nil {
		return nil, fmt.Errorf("reading claimed deliveries: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[claimed])
	if err != nil {
		return nil, fmt.Errorf("reading claimed deliveries: %w", err)
	}
	return list, nil
}

// result is how one attempt to deliver went.
type result struct {
	State State
	Via   string
	Fault string
	// DueAt is when to try again while State is Pending.
	DueAt time.Time
	// ClosedAt is nil while State is Pending.
	ClosedAt *time.Time
}

// recordAttempt stores the result unless the lease was lost to another process.
func recordAttempt(ctx context.Context, tx database.Tx, id, lease uuid.UUID, r result) (bool, error) {
	tag, err := tx.Exec(ctx, `
		update delivery set state = $3, via = $4, fault = $5, due_at = $6, closed_at = $7, lease_id = null
		 where id = $1 and lease_id = $2 and state = 'PENDING'`,
		id, lease, r.State, r.Via, r.Fault, r.DueAt, r.ClosedAt)
	if err != nil {
		return false, fmt.Errorf("recording delivery %s: %w", id, err)
	}
	return tag.RowsAffected() == 1, nil
}

// listDeliveries returns the deliveries of messages, by channel.
func listDeliveries(
	ctx context.Context, tx database.Tx, messageIDs []uuid.UUID,
) (map[uuid.UUID][]Delivery, error) {
	rows, err := tx.Query(ctx, `
		select message_id, channel, state, attempts, via, fault, due_at, closed_at
		  from delivery where message_id = any($1::uuid[]) order by message_id, channel limit $2`,
		messageIDs, len(messageIDs)*len(Channels))
	if err != nil {
		return nil, fmt.Errorf("reading deliveries: %w", err)
	}
	defer rows.Close()
	lists := make(map[uuid.UUID][]Delivery)
	for rows.Next() {
		var messageID uuid.UUID
		var d Delivery
		err := rows.Scan(&messageID, &d.Channel, &d.State, &d.Attempts, &d.Via, &d.Fault, &d.DueAt, &d.ClosedAt)
		if err != nil {
			return nil, fmt.Errorf("reading deliveries: %w", err)
		}
		lists[messageID] = append(lists[messageID], d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading deliveries: %w", err)
	}
	return lists, nil
}
