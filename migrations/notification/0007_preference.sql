-- +goose NO TRANSACTION
-- +goose Up
-- By which channels, and when, a person wants to hear. Without quiet hours the
-- three quiet columns are empty.
create table if not exists preference (
    recipient_id uuid        not null,
    email        boolean     not null,
    sms          boolean     not null,
    push         boolean     not null,
    quiet_from   text        not null,
    quiet_until  text        not null,
    quiet_zone   text        not null,
    recorded_at  timestamptz not null,
    constraint preference_pkey primary key (recipient_id)
);
