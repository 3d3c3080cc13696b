-- +goose NO TRANSACTION
-- +goose Up
-- The entries that one transaction posted. hash covers all of them. totals sums
-- their lines by general ledger code, currency and both dates: a list of
-- objects, so that the general ledger is summed by batches and not by lines.
-- Rows are inserted and never changed.
create table if not exists ledger_batch (
    id          uuid        not null,
    recorded_at timestamptz not null,
    entries     bigint      not null,
    hash        bytea       not null,
    totals      jsonb       not null,
    constraint ledger_batch_pkey primary key (id),
    constraint ledger_batch_entries_positive check (entries > 0)
);
