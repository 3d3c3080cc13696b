-- +goose NO TRANSACTION
-- +goose Up
-- What was published long ago and may be purged.
create index if not exists outbox_published on outbox (published_at) where published_at is not null;
