-- +goose NO TRANSACTION
-- +goose Up
-- The entries that one transaction posted. hash covers all of them. Rows are
-- inserted and never changed.
create table if not exists ledger_batch (
    id          uuid        not null,
    recorded_at timestamptz not null,
    entries     bigint      not null,
    hash        bytea       not null,
    constraint ledger_batch_pkey primary key (id),
    constraint ledger_batch_entries_positive check (entries > 0)
);
