-- +goose NO TRANSACTION
-- +goose Up
-- One row, locked by the relay that is draining this database's outbox.
create table if not exists outbox_relay (
    id bigint not null,
    constraint outbox_relay_pkey primary key (id)
);
