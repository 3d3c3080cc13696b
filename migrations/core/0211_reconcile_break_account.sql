-- +goose NO TRANSACTION
-- +goose Up
-- The breaks of an account, the oldest first.
create index if not exists reconcile_break_account on reconcile_break (account_id, state, line_date, id);
