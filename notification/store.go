package notification

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

func upsertContact(ctx context.Context, tx database.Tx, customerID uuid.UUID, sealed string, now time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into contact (customer_id, sealed_contact, recorded_at) values ($1, $2, $3)
		on conflict (customer_id) do update
		   set sealed_contact = excluded.sealed_contact, recorded_at = excluded.recorded_at`, customerID, sealed, now)
	if err != nil {
		return fmt.Errorf("storing contact of %s: %w", customerID, err)
	}
	return nil
}

// findContact returns the sealed contact; found is false if none has come.
func findContact(ctx context.Context, tx database.Tx, customerID uuid.UUID) (sealed string, found bool, err error) {
	err = tx.QueryRow(ctx, `select sealed_contact from contact where customer_id = $1`, customerID).Scan(&sealed)
	if errors.Is(err, database.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("reading contact of %s: %w", customerID, err)
	}
	return sealed, true, nil
}

// storedMessage is a message as it is stored.
type storedMessage struct {
	ID          uuid.UUID
	RecipientID uuid.UUID
	Type        string
	Sealed      string
	CreatedAt   time.Time
	ReadAt      *time.Time
}

// insertMessage stores a message unless the recipient has one about the event.
func insertMessage(ctx context.Context, tx database.Tx, eventID uuid.UUID, m storedMessage) (bool, error) {
	tag, err := tx.Exec(ctx, `
		insert into message (id, event_id, recipient_id, type, sealed_content, created_at, read_at)
		values ($1, $2, $3, $4, $5, $6, null)
		on conflict (event_id, recipient_id) do nothing`,
		m.ID, eventID, m.RecipientID, m.Type, m.Sealed, m.CreatedAt)
	if err != nil {
		return false, fmt.Errorf("storing message about %s: %w", eventID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// position is where a page of messages ends.
type position struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// newest is before every message.
var newest = position{At: time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC), ID: uuid.Max}

// listMessages returns a person's messages after a position, newest first.
func listMessages(
	ctx context.Context, tx database.Tx, recipientID uuid.UUID, unreadOnly bool, after position, limit int,
) ([]storedMessage, error) {
	rows, err := tx.Query(ctx, `
		select id, recipient_id, type, sealed_content, created_at, read_at from message
		 where recipient_id = $1 and (created_at, id) < ($2, $3) and (read_at is null or $4 = false)
		 order by created_at desc, id desc limit $5`, recipientID, after.At, after.ID, unreadOnly, limit)
	if err != nil {
		return nil, fmt.Errorf("reading messages of %s: %w", recipientID, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[storedMessage])
	if err != nil {
		return nil, fmt.Errorf("reading messages of %s: %w", recipientID, err)
	}
	return list, nil
}

func countUnread(ctx context.Context, tx database.Tx, recipientID uuid.UUID) (int, error) {
	var n int
	err := tx.QueryRow(ctx, `select count(*) from message where recipient_id = $1 and read_at is null`,
		recipientID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting unread messages of %s: %w", recipientID, err)
	}
	return n, nil
}

// findMessage returns a person's message, or ErrNotFound.
func findMessage(ctx context.Context, tx database.Tx, recipientID, id uuid.UUID) (storedMessage, error) {
	rows, err := tx.Query(ctx, `
		select id, recipient_id, type, sealed_content, created_at, read_at
		  from message where id = $1 and recipient_id = $2`, id, recipientID)
	if err != nil {
		return storedMessage{}, fmt.Errorf("reading message %s: %w", id, err)
	}
	m, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[storedMessage])
	if errors.Is(err, database.ErrNoRows) {
		return storedMessage{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return storedMessage{}, fmt.Errorf("reading message %s: %w", id, err)
	}
	return m, nil
}

// markRead reports whether the message was unread.
func markRead(ctx context.Context, tx database.Tx, recipientID, id uuid.UUID, now time.Time) (bool, error) {
	tag, err := tx.Exec(ctx, `
		update message set read_at = $3 where id = $1 and recipient_id = $2 and read_at is null`, id, recipientID, now)
	if err != nil {
		return false, fmt.Errorf("marking message %s read: %w", id, err)
	}
	return tag.RowsAffected() == 1, nil
}

// findPreferences returns what a person said, or the default.
func findPreferences(ctx context.Context, tx database.Tx, recipientID uuid.UUID) (Preferences, error) {
	var email, sms, push bool
	var p Preferences
	err := tx.QueryRow(ctx, `
		select email, sms, push, quiet_from, quiet_until, quiet_zone from preference where recipient_id = $1`,
		recipientID).Scan(&email, &sms, &push, &p.Quiet.From, &p.Quiet.Until, &p.Quiet.Zone)
	if errors.Is(err, database.ErrNoRows) {
		return defaultPreferences(), nil
	}
	if err != nil {
		return Preferences{}, fmt.Errorf("reading preferences of %s: %w", recipientID, err)
	}
	p.Channels = []Channel{}
	for i, wanted := range []bool{email, sms, push} {
		if wanted {
			p.Channels = append(p.Channels, Channels[i])
		}
	}
	return p, nil
}

func upsertPreferences(
	ctx context.Context, tx database.Tx, recipientID uuid.UUID, p Preferences, now time.Time,
) error {
	wanted := map[Channel]bool{}
	for _, c := range p.Channels {
		wanted[c] = true
	}
	_, err := tx.Exec(ctx, `
		insert into preference (recipient_id, email, sms, push, quiet_from, quiet_until, quiet_zone, recorded_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (recipient_id) do update
		   set email = excluded.email, sms = excluded.sms, push = excluded.push, quiet_from = excluded.quiet_from,
		       quiet_until = excluded.quiet_until, quiet_zone = excluded.quiet_zone,
		       recorded_at = excluded.recorded_at`,
		recipientID, wanted[Email], wanted[SMS], wanted[Push], p.Quiet.From, p.Quiet.Until, p.Quiet.Zone, now)
	if err != nil {
		return fmt.Errorf("storing preferences of %s: %w", recipientID, err)
	}
	return nil
}

// insertDelivery stores a delivery, together with what else the transaction writes.
func insertDelivery(tx database.Tx, id uuid.UUID, m storedMessage, channel Channel, due time.Time) {
	tx.Later(database.Write{What: "storing a delivery", Rows: 1, Otherwise: ErrNotFound, SQL: `
		insert into delivery
		       (id, message_id, recipient_id, channel, state, attempts, due_at, lease_id, via, fault, closed_at)
		values ($1, $2, $3, $4, 'PENDING', 0, $5, null, '', '', null)`,
		Args: []any{id, m.ID, m.RecipientID, channel, due},
	})
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
		select id from delivery where state = 'PENDING' and due_at <= $1
		 order by due_at, id limit $2 for update skip locked`, now, limit)
	if err != nil {
		return nil, fmt.Errorf("finding due deliveries: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	_, err = tx.Exec(ctx, `
		update delivery set lease_id = $2, due_at = $3, attempts = attempts + 1
		 where id = any($1::uuid[]) and state = 'PENDING'`, ids, lease, leaseEnd)
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
