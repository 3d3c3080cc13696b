-- +goose NO TRANSACTION
-- +goose Up
-- The chain: batches in the order in which they were seen to be committed.
-- Rows are inserted and never changed. known_through is the latest instant of
-- recording up to here; a batch is late when an earlier place of the chain had
-- reached its instant already.
create table if not exists ledger_seal (
    seq           bigint      not null,
    batch_id      uuid        not null,
    recorded_at   timestamptz not null,
    chain_hash    bytea       not null,
    known_through timestamptz not null,
    late          boolean     not null,
    constraint ledger_seal_pkey primary key (seq),
    constraint ledger_seal_batch_unique unique (batch_id)
);
