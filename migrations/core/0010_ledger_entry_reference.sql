-- +goose NO TRANSACTION
-- +goose Up
-- What was booked about one loan or other business object, in the order of the
-- journal. What is of one instant, of a loan very few entries, is sorted when it is
-- read: the shorter key is less work for each entry that is posted.
create index if not exists ledger_entry_reference on ledger_entry (reference, effective_date, recorded_at);
