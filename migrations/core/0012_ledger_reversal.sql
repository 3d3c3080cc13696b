-- +goose NO TRANSACTION
-- +goose Up
-- Which entry reversed which: an entry is reversed at most once.
create table if not exists ledger_reversal (
    reverses uuid not null,
    entry_id uuid not null,
    constraint ledger_reversal_pkey primary key (reverses)
);
