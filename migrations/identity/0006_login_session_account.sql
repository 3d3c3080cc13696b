-- +goose NO TRANSACTION
-- +goose Up
-- The sessions of an account, newest last.
create index if not exists login_session_account on login_session (account_id, status, started_at);
