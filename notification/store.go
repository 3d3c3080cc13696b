package notification

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// storedMessage is a message as it is stored.
type storedMessage struct {
	ID          uuid.UUID
	RecipientID uuid.UUID
	Type        string
	Sealed      string
	CreatedAt   time.Time
	ReadAt      *time.Time
}

// insertMessages stores messages, and returns those whose recipient had none
// about the event.
func insertMessages(ctx context.Context, tx database.Tx, messages []newMessage) ([]newMessage, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	var ids, events, to []uuid.UUID
	var types, sealed []string
	var at []time.Time
	for i := range messages {
		m := &messages[i]
		ids, events, to = append(ids, m.ID), append(events, m.eventID), append(to, m.RecipientID)
		types, sealed, at = append(types, m.Type), append(sealed, m.Sealed), append(at, m.CreatedAt)
	}
	rows, err := tx.Query(ctx, `
		insert into message (id, event_id, recipient_id, type, sealed_content, created_at, read_at)
		select u.id, u.event_id, u.recipient_id, u.type, u.sealed_content, u.created_at, null
		  from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[])
		       as u (id, event_id, recipient_id, type, sealed_content, created_at)
		on conflict (event_id, recipient_id) do nothing
		returning id`, ids, events, to, types, sealed, at)
	if err != nil {
		return nil, fmt.Errorf("storing messages: %w", err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("storing messages: %w", err)
	}
	if len(stored) == len(messages) {
		return messages, nil
	}
	return slices.DeleteFunc(messages, func(m newMessage) bool { return !slices.Contains(stored, m.ID) }), nil
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

// findPreferences returns what people said, of those who said something.
func findPreferences(
	ctx context.Context, tx database.Tx, recipientIDs []uuid.UUID,
) (map[uuid.UUID]Preferences, error) {
	rows, err := tx.Query(ctx, `
		select recipient_id, email, sms, push, quiet_from, quiet_until, quiet_zone
		  from preference where recipient_id = any($1::uuid[])`, database.PlanAnew, recipientIDs)
	if err != nil {
		return nil, fmt.Errorf("reading preferences: %w", err)
	}
	defer rows.Close()
	found := make(map[uuid.UUID]Preferences)
	for rows.Next() {
		var id uuid.UUID
		var email, sms, push bool
		p := Preferences{Channels: []Channel{}}
		if err := rows.Scan(&id, &email, &sms, &push, &p.Quiet.From, &p.Quiet.Until, &p.Quiet.Zone); err != nil {
			return nil, fmt.Errorf("reading preferences: %w", err)
		}
		for i, wanted := range []bool{email, sms, push} {
			if wanted {
				p.Channels = append(p.Channels, Channels[i])
			}
		}
		found[id] = p
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading preferences: %w", err)
	}
	return found, nil
}

// findOwnPreferences returns what one person said, or the default.
func findOwnPreferences(ctx context.Context, tx database.Tx, recipientID uuid.UUID) (Preferences, error) {
	found, err := findPreferences(ctx, tx, []uuid.UUID{recipientID})
	if err != nil {
		return Preferences{}, err
	}
	if p, said := found[recipientID]; said {
		return p, nil
	}
	return defaultPreferences(), nil
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

// newDelivery is a delivery to be made.
type newDelivery struct {
	id, messageID, recipientID uuid.UUID
	channel                    Channel
	due                        time.Time
}

// insertDeliveries stores deliveries, together with what else the transaction writes.
func insertDeliveries(tx database.Tx, list []newDelivery) {
	if len(list) == 0 {
		return
	}
	var ids, messages, to []uuid.UUID
	var channels []string
	var due []time.Time
	for _, d := range list {
		ids, messages, to = append(ids, d.id), append(messages, d.messageID), append(to, d.recipientID)
		channels, due = append(channels, string(d.channel)), append(due, d.due)
	}
	tx.Later(database.Write{
		What: "storing deliveries", Rows: database.AnyRows, SQL: `
		insert into delivery
		       (id, message_id, recipient_id, channel, state, attempts, due_at, lease_id, via, fault, closed_at)
		select u.id, u.message_id, u.recipient_id, u.channel, 'PENDING', 0, u.due_at, null, '', '', null
		  from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[])
		       as u (id, message_id, recipient_id, channel, due_at)`,
		Args: []any{ids, messages, to, channels, due},
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
	// Contact is how to reach the recipient, sealed; "" if nobody has told yet.
	Contact string
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
	// Those are locked, and PENDING. To ask for that again would lead to the index of
	// all that are.
	_, err = tx.Exec(ctx, `
		update delivery set lease_id = $2, due_at = $3, attempts = attempts + 1
		 where id = any($1::uuid[])`, database.PlanAnew, ids, lease, leaseEnd)
	if err != nil {
		return nil, fmt.Errorf("claiming deliveries: %w", err)
	}
	rows, err = tx.Query(ctx, `
		select d.id, d.message_id, d.recipient_id, d.channel, d.attempts, m.sealed_content,
		       coalesce(c.sealed_contact, '')
		  from delivery as d
		  join message as m on m.id = d.message_id
		  left join contact as c on c.customer_id = d.recipient_id
		 where d.id = any($1::uuid[]) order by d.id limit $2`, database.PlanAnew, ids, limit)
	if err != nil {
		return nil, fmt.Errorf("reading claimed deliveries: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[claimed])
	if err != nil {
		return nil, fmt.Errorf("reading claimed deliveries: %w", err)
	}
	return list, nil
}

// attempted is how one attempt to deliver went.
type attempted struct {
	ID    uuid.UUID
	State State
	Via   string
	Fault string
	// DueAt is when to try again while State is Pending.
	DueAt time.Time
	// ClosedAt is nil while State is Pending.
	ClosedAt *time.Time
}

// recordAttempts stores the results, but of those whose lease was lost to
// another process: a delivery that is not PENDING has none. It returns how many
// it stored.
func recordAttempts(ctx context.Context, tx database.Tx, lease uuid.UUID, list []attempted) (int, error) {
	var ids []uuid.UUID
	var states, via, faults []string
	var due []time.Time
	var closed []*time.Time
	for _, r := range list {
		ids, states, via = append(ids, r.ID), append(states, string(r.State)), append(via, r.Via)
		faults, due, closed = append(faults, r.Fault), append(due, r.DueAt), append(closed, r.ClosedAt)
	}
	tag, err := tx.Exec(ctx, `
		update delivery
		   set state = u.state, via = u.via, fault = u.fault, due_at = u.due_at, closed_at = u.closed_at, lease_id = null
		  from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
		       as u (id, state, via, fault, due_at, closed_at)
		 where delivery.id = u.id and delivery.lease_id = $1`,
		database.PlanAnew, lease, ids, states, via, faults, due, closed)
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
