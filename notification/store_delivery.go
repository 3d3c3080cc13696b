package notification

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// lease is the right of one process to make a delivery, until it ends.
type lease struct {
	id    uuid.UUID
	until time.Time
}

// claimed is a delivery that this process may make.
type claimed struct {
	MessageID uuid.UUID
	Channel   Channel
	// Attempts counts this one. Via and Fault are those of the one before.
	Attempts int
	Via      string
	Fault    string

	lease       lease
	recipientID uuid.UUID
	// contact is how to reach the recipient, sealed; "" if nobody has told yet.
	contact string
	// text is what the message says; while it is zero, sealed has it.
	text   content
	sealed string
}

// letterID names the delivery to the world; it is the same at every attempt.
func (d *claimed) letterID() string {
	return d.MessageID.String() + "." + strings.ToLower(string(d.Channel))
}

// newDelivery is a delivery to be made: at due, or at once if it has a lease.
type newDelivery struct {
	claimed
	due time.Time
}

// insertDeliveries stores deliveries, together with what else the transaction
// writes. Others take those with a lease when that has ended.
func insertDeliveries(tx database.Tx, list []newDelivery) {
	if len(list) == 0 {
		return
	}
	var messages []uuid.UUID
	var leases []*uuid.UUID
	var channels, faults []string
	var attempts []int64
	var due []time.Time
	for i := range list {
		d := &list[i]
		messages, channels = append(messages, d.MessageID), append(channels, string(d.Channel))
		attempts, faults = append(attempts, int64(d.Attempts)), append(faults, d.Fault)
		if d.lease == (lease{}) {
			leases, due = append(leases, nil), append(due, d.due)
			continue
		}
		leases, due = append(leases, &d.lease.id), append(due, d.lease.until)
	}
	tx.Later(database.Write{
		What: "storing deliveries", Rows: database.AnyRows, SQL: `
		insert into delivery (message_id, channel, state, attempts, due_at, lease_id, via, fault, closed_at)
		select u.message_id, u.channel, 'PENDING', u.attempts, u.due_at, u.lease_id, '', u.fault, null
		  from unnest($1::uuid[], $2::text[], $3::bigint[], $4::timestamptz[], $5::uuid[], $6::text[])
		       as u (message_id, channel, attempts, due_at, lease_id, fault)`,
		Args: []any{messages, channels, attempts, due, leases, faults},
	})
}

// hurryWaiting makes due what waits for it to be known how to reach the person.
func hurryWaiting(ctx context.Context, tx database.Tx, recipientID uuid.UUID, now time.Time) error {
	_, err := tx.Exec(ctx, `
		update delivery set due_at = $2
		  from message as m
		 where m.recipient_id = $1 and delivery.message_id = m.id and delivery.state = 'PENDING'
		   and delivery.lease_id is null and delivery.fault = $3`, recipientID, now, noContact)
	if err != nil {
		return fmt.Errorf("hurrying deliveries to %s: %w", recipientID, err)
	}
	return nil
}

// claimDeliveries leases deliveries that are due, the longest due first. Others
// skip them until the lease ends.
func claimDeliveries(ctx context.Context, tx database.Tx, l lease, now time.Time, limit int) ([]claimed, error) {
	rows, err := tx.Query(ctx, `
		with due as (
		       select message_id, channel from delivery where state = 'PENDING' and due_at <= $1
		        order by due_at, message_id, channel limit $2 for update skip locked)
		update delivery set lease_id = $3, due_at = $4, attempts = delivery.attempts + 1
		  from due
		  join message as m on m.id = due.message_id
		  left join contact as c on c.customer_id = m.recipient_id
		 where delivery.message_id = due.message_id and delivery.channel = due.channel
		returning delivery.message_id, delivery.channel, delivery.attempts, delivery.via, delivery.fault, m.recipient_id,
		          m.sealed_content, coalesce(c.sealed_contact, '')`, database.PlanAnew, now, limit, l.id, l.until)
	if err != nil {
		return nil, fmt.Errorf("claiming deliveries: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (claimed, error) {
		d := claimed{lease: l}
		err := row.Scan(&d.MessageID, &d.Channel, &d.Attempts, &d.Via, &d.Fault, &d.recipientID, &d.sealed, &d.contact)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming deliveries: %w", err)
	}
	return list, nil
}

// attempted is how one attempt to deliver went: Attempts, Via and Fault are to be
// stored.
type attempted struct {
	claimed
	State State
	// DueAt is when to try again while State is Pending.
	DueAt time.Time
	// ClosedAt is nil while State is Pending.
	ClosedAt *time.Time
}

// recordAttempts stores the results, but of those whose lease was lost to
// another process: a delivery that is not PENDING has none. It returns how many
// it stored.
func recordAttempts(ctx context.Context, tx database.Tx, list []attempted) (int, error) {
	var messages, leases []uuid.UUID
	var channels, states, via, faults []string
	var attempts []int64
	var due []time.Time
	var closed []*time.Time
	for i := range list {
		r := &list[i]
		messages, channels = append(messages, r.MessageID), append(channels, string(r.Channel))
		leases = append(leases, r.lease.id)
		states, via, faults = append(states, string(r.State)), append(via, r.Via), append(faults, r.Fault)
		attempts, due, closed = append(attempts, int64(r.Attempts)), append(due, r.DueAt), append(closed, r.ClosedAt)
	}
	tag, err := tx.Exec(ctx, `
		update delivery
		   set state = u.state, attempts = u.attempts, via = u.via, fault = u.fault, due_at = u.due_at,
		       closed_at = u.closed_at, lease_id = null
		  from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[],
		              $8::timestamptz[], $9::timestamptz[])
		       as u (message_id, channel, lease_id, state, attempts, via, fault, due_at, closed_at)
		 where delivery.message_id = u.message_id and delivery.channel = u.channel and delivery.lease_id = u.lease_id`,
		database.PlanAnew, messages, channels, leases, states, attempts, via, faults, due, closed)
	if err != nil {
		return 0, fmt.Errorf("recording deliveries: %w", err)
	}
	return int(tag.RowsAffected()), nil
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
