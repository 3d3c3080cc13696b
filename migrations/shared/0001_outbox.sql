-- +goose NO TRANSACTION
-- +goose Up
-- Events that this database's transactions announced. The relay publishes rows
-- whose published_at is null; published rows are purged after a while.
create table if not exists outbox (
    id           uuid        not null,
    topic        text        not null,
    partition_key text       not null,
    type         text        not null,
    source       text        not null,
    subject      uuid        not null,
    version      bigint      not null,
    occurred_at  timestamptz not null,
    recorded_at  timestamptz not null,
    trace_parent text        not null,
    data         text        not null,
    published_at timestamptz null,
    constraint outbox_pkey primary key (id),
    constraint outbox_version_unique unique (subject, version),
    constraint outbox_version_positive check (version > 0)
);
