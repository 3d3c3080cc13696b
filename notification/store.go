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

// insertMessages stores messages, and returns those that were not there yet.
func insertMessages(ctx context.Context, tx database.Tx, messages []newMessage) ([]newMessage, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	var ids, to []uuid.UUID
	var types, sealed []string
	var at []time.Time
	for i := range messages {
		m := &messages[i]
		ids, to = append(ids, m.ID), append(to, m.RecipientID)
		types, sealed, at = append(types, m.Type), append(sealed, m.Sealed), append(at, m.CreatedAt)
	}
	rows, err := tx.Query(ctx, `
		insert into message (id, recipient_id, type, sealed_content, created_at, read_at)
		select u.id, u.recipient_id, u.type, u.sealed_content, u.created_at, null
		  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
		       as u (id, recipient_id, type, sealed_content, created_at)
		on conflict (id) do nothing
		returning id`, ids, to, types, sealed, at)
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

// addressee is what is known of a recipient.
type addressee struct {
	wishes Preferences
	// contact is how to reach the person, sealed; "" if nobody has told yet.
	contact string
}

// findAddressees returns what is known of people: what they said about how they
// want to hear, or the default, and how to reach them.
func findAddressees(
	ctx context.Context, tx database.Tx, recipientIDs []uuid.UUID,
) (map[uuid.UUID]addressee, error) {
	rows, err := tx.Query(ctx, `
		select u.id, p.recipient_id is not null, coalesce(p.email, false), coalesce(p.sms, false),
		       coalesce(p.push, false), coalesce(p.quiet_from, ''), coalesce(p.quiet_until, ''),
		       coalesce(p.quiet_zone, ''), coalesce(c.sealed_contact, '')
		  from unnest($1::uuid[]) as u (id)
		  left join preference as p on p.recipient_id = u.id
		  left join contact as c on c.customer_id = u.id`, database.PlanAnew, recipientIDs)
	if err != nil {
		return nil, fmt.Errorf("reading addressees: %w", err)
	}
	defer rows.Close()
	found := make(map[uuid.UUID]addressee, len(recipientIDs))
	for rows.Next() {
		var id uuid.UUID
		var said, email, sms, push bool
		a := addressee{wishes: Preferences{Channels: []Channel{}}}
		quiet := &a.wishes.Quiet
		err := rows.Scan(&id, &said, &email, &sms, &push, &quiet.From, &quiet.Until, &quiet.Zone, &a.contact)
		if err != nil {
			return nil, fmt.Errorf("reading addressees: %w", err)
		}
		for i, wanted := range []bool{email, sms, push} {
			if wanted {
				a.wishes.Channels = append(a.wishes.Channels, Channels[i])
			}
		}
		if !said {
			a.wishes = defaultPreferences()
		}
		found[id] = a
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading addressees: %w", err)
	}
	return found, nil
}

// findOwnPreferences returns what one person said, or the default.
func findOwnPreferences(ctx context.Context, tx database.Tx, recipientID uuid.UUID) (Preferences, error) {
	found, err := findAddressees(ctx, tx, []uuid.UUID{recipientID})
	return found[recipientID].wishes, err
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
