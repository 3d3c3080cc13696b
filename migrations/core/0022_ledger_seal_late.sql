-- +goose NO TRANSACTION
-- +goose Up
-- What an earlier view of the books must leave out although its instant of
-- recording says otherwise.
create index if not exists ledger_seal_late on ledger_seal (seq, recorded_at, batch_id) where late;
