-- +goose NO TRANSACTION
-- +goose Up
-- A person's messages, newest first, and how many are unread.
create index if not exists message_recipient on message (recipient_id, created_at desc, id desc) include (read_at);
