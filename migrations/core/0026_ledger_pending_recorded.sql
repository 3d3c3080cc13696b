-- +goose NO TRANSACTION
-- +goose Up
-- Pending entries in the order in which they were announced.
create index if not exists ledger_pending_recorded on ledger_pending (recorded_at, id);
