-- +goose NO TRANSACTION
-- +goose Up
-- The batches that are left to seal, oldest first: a queue, written in the
-- transaction of the batch and emptied in that of its seal. Sealing takes
-- batches by this state and never by time, so that a late commit is not passed
-- over.
create table if not exists ledger_unsealed (
    recorded_at timestamptz not null,
    batch_id    uuid        not null,
    constraint ledger_unsealed_pkey primary key (recorded_at, batch_id)
);
