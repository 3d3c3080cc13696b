-- +goose NO TRANSACTION
-- +goose Up
-- Events that this database's transactions announced and that are still to be
-- published; the relay takes away what it has published. The key is the order of
-- publication, which is causal per aggregate: recorded_at never goes back within
-- one subject. It is the only index, because each event passes through here.
create table if not exists outbox (
    recorded_at   timestamptz not null,
    subject       uuid        not null,
    version       bigint      not null,
    id            uuid        not null,
    topic         text        not null,
    partition_key text        not null,
    type          text        not null,
    source        text        not null,
    occurred_at   timestamptz not null,
    trace_parent  text        not null,
    data          text        not null,
    constraint outbox_pkey primary key (recorded_at, subject, version),
    constraint outbox_version_positive check (version > 0)
);
