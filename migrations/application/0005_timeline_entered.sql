-- +goose NO TRANSACTION
-- +goose Up
-- Movements of a period, for the dashboard.
create index if not exists timeline_moves on timeline (recorded_at, entered) where entered <> '';
