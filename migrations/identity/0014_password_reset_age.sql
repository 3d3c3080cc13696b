-- +goose NO TRANSACTION
-- +goose Up
-- Expired codes are forgotten.
create index if not exists password_reset_age on password_reset (expires_at);
