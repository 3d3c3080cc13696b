-- +goose NO TRANSACTION
-- +goose Up
-- The entries that one transaction posted. hash covers all of them. seq is
-- null until the batch is sealed into the chain: sealing takes batches by this
-- state and never by time, so that a late commit is not passed over.
create table if not exists ledger_batch (
    id          uuid        not null,
    recorded_at timestamptz not null,
    entries     bigint      not null,
    hash        bytea       not null,
    seq         bigint      null,
    chain_hash  bytea       null,
    constraint ledger_batch_pkey primary key (id),
    constraint ledger_batch_seq_unique unique (seq),
    constraint ledger_batch_entries_positive check (entries > 0),
    constraint ledger_batch_sealed check ((seq is null) = (chain_hash is null))
);
