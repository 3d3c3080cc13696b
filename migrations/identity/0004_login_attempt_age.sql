-- +goose NO TRANSACTION
-- +goose Up
-- Old attempts are forgotten.
create index if not exists login_attempt_age on login_attempt (last_at);
