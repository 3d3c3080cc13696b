-- +goose NO TRANSACTION
-- +goose Up
-- The statements of an account in the order of their last days.
create index if not exists reconcile_statement_day on reconcile_statement (account_id, last_day, first_day, id);
