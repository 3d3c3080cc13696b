-- +goose NO TRANSACTION
-- +goose Up
-- Attempts to log in that did not succeed since the last one that did, per
-- login name, whether or not there is an account of that name.
create table if not exists login_attempt (
    login_key     bytea       not null,
    failures      bigint      not null,
    blocked_until timestamptz not null,
    last_at       timestamptz not null,
    constraint login_attempt_pkey primary key (login_key),
    constraint login_attempt_failures_positive check (failures > 0)
);
