-- +goose NO TRANSACTION
-- +goose Up
-- The tokens of a session.
create index if not exists refresh_token_session on refresh_token (session_id);
