-- +goose NO TRANSACTION
-- +goose Up
-- Entries by the pairs of their metadata, those that have some.
create index if not exists ledger_entry_metadata on ledger_entry using gin (metadata) where metadata <> '{}'::jsonb;
