-- +goose NO TRANSACTION
-- +goose Up
-- The journal in the order of its dates.
create index if not exists ledger_entry_date on ledger_entry (effective_date, recorded_at, id);
