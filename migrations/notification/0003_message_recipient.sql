-- +goose NO TRANSACTION
-- +goose Up
-- A person's messages, newest first.
create index if not exists message_recipient on message (recipient_id, created_at desc, id desc);
