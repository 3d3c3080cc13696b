-- +goose NO TRANSACTION
-- +goose Up
-- Expired sessions are forgotten.
create index if not exists login_session_age on login_session (expires_at);
