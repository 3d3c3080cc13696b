-- +goose NO TRANSACTION
-- +goose Up
-- The journal in the order of its dates. Entries of one batch share a key here
-- and are put in order by their places in it.
create index if not exists ledger_entry_date on ledger_entry (effective_date, recorded_at);
