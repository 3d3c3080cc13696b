-- +goose NO TRANSACTION
-- +goose Up
-- Keys that sign access tokens. A key is published before it signs, and stays
-- published until the last token that it signed has expired.
create table if not exists signing_key (
    kid             text        not null,
    generation      bigint      not null,
    public_key      bytea       not null,
    sealed_private  text        not null,
    created_at      timestamptz not null,
    signs_from      timestamptz not null,
    published_until timestamptz null,
    constraint signing_key_pkey primary key (kid),
    constraint signing_key_generation_unique unique (generation),
    constraint signing_key_generation_positive check (generation > 0)
);
