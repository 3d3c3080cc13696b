-- +goose NO TRANSACTION
-- +goose Up
-- What is left to publish, in an order that is causal per aggregate:
-- recorded_at never goes back within one subject.
create index if not exists outbox_pending on outbox (recorded_at, subject, version) where published_at is null;
