-- +goose NO TRANSACTION
-- +goose Up
-- Keys whose entry was rejected because of the state of the books: the same
-- key gets the same answer for ever.
-- row_hash covers the other columns that never change.
create table if not exists ledger_rejection (
    entry_id    uuid        not null,
    key         text        not null,
    hash        bytea       not null,
    code        text        not null,
    line        bigint      not null,
    field       text        not null,
    detail      text        not null,
    recorded_at timestamptz not null,
    row_hash    bytea       not null,
    constraint ledger_rejection_pkey primary key (entry_id)
);
