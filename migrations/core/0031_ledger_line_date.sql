-- +goose NO TRANSACTION
-- +goose Up
-- The lines of an account in the order of its statement. Those of one batch and
-- day share a key here and are put in order by their places in the batch.
create index if not exists ledger_line_date on ledger_line (account_id, effective_date, recorded_at);
