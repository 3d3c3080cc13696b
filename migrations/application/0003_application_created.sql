-- +goose NO TRANSACTION
-- +goose Up
-- The administrators' listing, newest first.
create index if not exists application_created on application (created_at desc, id desc);
