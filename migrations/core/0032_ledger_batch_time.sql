-- +goose NO TRANSACTION
-- +goose Up
-- Batches as they came: what is newer than the blocks of the general ledger.
create index if not exists ledger_batch_time on ledger_batch (recorded_at, id);
