-- +goose NO TRANSACTION
-- +goose Up
-- The sending of a message by one channel. Whoever sends it takes it by a lease:
-- lease_id names the attempt, and due_at moves past the end of the lease.
create table if not exists delivery (
    message_id uuid        not null,
    channel    text        not null,
    state      text        not null,
    attempts   bigint      not null,
    due_at     timestamptz not null,
    lease_id   uuid        null,
    via        text        not null,
    fault      text        not null,
    closed_at  timestamptz null,
    constraint delivery_pkey primary key (message_id, channel),
    constraint delivery_channel_known check (channel in ('EMAIL', 'SMS', 'PUSH')),
    constraint delivery_state_known check (state in ('PENDING', 'SENT', 'FAILED')),
    constraint delivery_attempts_not_negative check (attempts >= 0)
);
