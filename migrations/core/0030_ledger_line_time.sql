-- +goose NO TRANSACTION
-- +goose Up
-- The lines of an account as they came: what is newer than its blocks.
create index if not exists ledger_line_time on ledger_line (account_id, recorded_at);
