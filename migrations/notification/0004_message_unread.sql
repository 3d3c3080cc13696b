-- +goose NO TRANSACTION
-- +goose Up
-- A person's unread messages, newest first, and their number.
create index if not exists message_unread on message (recipient_id, created_at desc, id desc) where read_at is null;
