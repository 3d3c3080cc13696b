-- +goose NO TRANSACTION
-- +goose Up
-- The one key, encrypted, that turns login names into lookup hashes.
create table if not exists lookup_key (
    id     bigint not null,
    sealed text   not null,
    constraint lookup_key_pkey primary key (id),
    constraint lookup_key_single check (id = 1)
);
