-- +goose NO TRANSACTION
-- +goose Up
-- The entries of a batch in their order: verification and the change feed.
create unique index if not exists ledger_entry_batch on ledger_entry (batch_id, batch_pos);
