-- +goose NO TRANSACTION
-- +goose Up
-- The entries of a batch in their order: verification and the change feed. Not
-- unique: two transactions that post the same entries at once name their batch
-- alike until one of them finds that it came second.
create index if not exists ledger_entry_batch on ledger_entry (batch_id, batch_pos);
