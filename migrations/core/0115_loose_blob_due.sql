-- +goose NO TRANSACTION
-- +goose Up
create index if not exists loose_blob_due on loose_blob (due_at, key);
