-- +goose NO TRANSACTION
-- +goose Up
-- The outcome of commands that were sent with an idempotency key, for ever.
create table if not exists idempotency (
    actor        uuid        not null,
    operation    text        not null,
    key          text        not null,
    request_hash bytea       not null,
    outcome      text        not null,
    recorded_at  timestamptz not null,
    constraint idempotency_pkey primary key (actor, operation, key)
);
