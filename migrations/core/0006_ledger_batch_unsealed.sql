-- +goose NO TRANSACTION
-- +goose Up
-- What is left to seal, oldest first.
create index if not exists ledger_batch_unsealed on ledger_batch (recorded_at, id) where seq is null;
