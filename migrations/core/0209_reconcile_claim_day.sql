-- +goose NO TRANSACTION
-- +goose Up
-- What is claimed of an account, by day.
create index if not exists reconcile_claim_day on reconcile_claim (account_id, line_date);
