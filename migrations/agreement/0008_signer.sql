-- +goose NO TRANSACTION
-- +goose Up
-- The certificate that signs contracts where none is configured, made once by
-- whoever needs it first; its key is sealed by the platform's keys.
create table if not exists signer (
    id          bigint      not null,
    certificate bytea       not null,
    sealed_key  text        not null,
    created_at  timestamptz not null,
    constraint signer_pkey primary key (id),
    constraint signer_single check (id = 1)
);
