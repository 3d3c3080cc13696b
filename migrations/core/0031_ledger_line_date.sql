-- +goose NO TRANSACTION
-- +goose Up
-- The lines of an account in the order of its statement: a page reads what it
-- shows, however many lines there are.
create index if not exists ledger_line_date on ledger_line
    (account_id, effective_date, recorded_at, batch_id, batch_pos, line_no);
