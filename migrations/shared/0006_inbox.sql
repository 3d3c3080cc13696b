-- +goose NO TRANSACTION
-- +goose Up
-- Events whose effect is in this database, per consumer: the same transaction
-- holds both, so that an event has one effect however often it is delivered.
create table if not exists inbox (
    consumer   text        not null,
    event_id   uuid        not null,
    handled_at timestamptz not null,
    constraint inbox_pkey primary key (consumer, event_id)
);
