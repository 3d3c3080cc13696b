-- +goose NO TRANSACTION
-- +goose Up
-- The entries of one kind, in the order of the journal.
create index if not exists ledger_entry_kind on ledger_entry
    (kind, effective_date, recorded_at, batch_id, batch_pos);
