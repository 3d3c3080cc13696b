-- +goose NO TRANSACTION
-- +goose Up
-- Deliveries to make, the longest due first.
create index if not exists delivery_due on delivery (due_at, message_id, channel) where state = 'PENDING';
