-- +goose NO TRANSACTION
-- +goose Up
-- The matches of an account, in the order in which they were made.
create index if not exists reconcile_match_account on reconcile_match (account_id, recorded_at, id);
