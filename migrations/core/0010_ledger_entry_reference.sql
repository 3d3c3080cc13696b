-- +goose NO TRANSACTION
-- +goose Up
-- What was booked about one loan or other business object, in the order of the
-- journal.
create index if not exists ledger_entry_reference on ledger_entry
    (reference, effective_date, recorded_at, batch_id, batch_pos);
