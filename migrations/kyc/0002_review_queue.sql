-- +goose NO TRANSACTION
-- +goose Up
-- The queue, oldest first.
create index if not exists review_queue on review (opened_at, application_id);
