-- +goose NO TRANSACTION
-- +goose Up
-- Programs that act by themselves: partners, finance systems, schedulers. The
-- secret is 256 random bits, so a plain hash protects it.
create table if not exists oauth_client (
    id          uuid        not null,
    name        text        not null,
    secret_hash bytea       not null,
    roles       jsonb       not null,
    status      text        not null,
    created_at  timestamptz not null,
    created_by  uuid        not null,
    constraint oauth_client_pkey primary key (id),
    constraint oauth_client_name_unique unique (name),
    constraint oauth_client_status_known check (status in ('ACTIVE', 'DISABLED'))
);
