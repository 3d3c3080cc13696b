-- +goose NO TRANSACTION
-- +goose Up
-- Bank statements as they were imported, one row for each statement of a file.
-- Amounts are minor units of the account's currency.
create table if not exists reconcile_statement (
    id           uuid        not null,
    account_id   uuid        not null,
    file_hash    bytea       not null,
    seq          bigint      not null,
    format       text        not null,
    bank_account text        not null,
    reference    text        not null,
    first_day    date        not null,
    last_day     date        not null,
    opening      bigint      not null,
    closing      bigint      not null,
    stated       boolean     not null,
    lines        bigint      not null,
    recorded_at  timestamptz not null,
    recorded_by  text        not null,
    constraint reconcile_statement_pkey primary key (id),
    constraint reconcile_statement_file_unique unique (account_id, file_hash, seq),
    constraint reconcile_statement_days check (first_day <= last_day)
);
