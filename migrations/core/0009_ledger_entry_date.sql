-- +goose NO TRANSACTION
-- +goose Up
-- The journal in the order in which it is listed: a page reads what it shows.
create index if not exists ledger_entry_date on ledger_entry (effective_date, recorded_at, batch_id, batch_pos);
