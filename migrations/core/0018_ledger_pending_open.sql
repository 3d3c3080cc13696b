-- +goose NO TRANSACTION
-- +goose Up
-- Pending entries in the order in which they expire.
create index if not exists ledger_pending_open on ledger_pending (expires_at, id) where state = 'OPEN';
