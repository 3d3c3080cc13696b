-- +goose NO TRANSACTION
-- +goose Up
-- Events that this database's transactions announced and that are still to be
-- published; the relay takes away what it has published. A transaction's events
-- are one row, compressed (stream/packed.go), because each event passes through
-- here: places are those of the row's events in it, and versions theirs. The key
-- is the order of publication, which is causal per aggregate: recorded_at grows
-- with each transaction of one subject. A transaction of very many events has
-- several parts. One that finds subjects recorded later than its own time has a
-- row for each such time, with the places of their events.
create table if not exists outbox (
    recorded_at timestamptz not null,
    id          uuid        not null,
    part        bigint      not null,
    places      bigint[]    not null,
    versions    bigint[]    not null,
    events      bytea       not null,
    constraint outbox_pkey primary key (recorded_at, id, part)
);
