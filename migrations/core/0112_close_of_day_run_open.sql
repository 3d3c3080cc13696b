-- +goose NO TRANSACTION
-- +goose Up
-- Runs that are not finished, oldest first.
create index if not exists close_of_day_run_open on close_of_day_run (book_id, created_at, id)
 where status in ('QUEUED', 'RUNNING');
