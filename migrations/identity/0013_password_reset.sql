-- +goose NO TRANSACTION
-- +goose Up
-- The code with which somebody who forgot the password sets a new one: the
-- newest of each account, as a hash.
create table if not exists password_reset (
    account_id uuid        not null,
    code_hash  bytea       not null,
    issued_at  timestamptz not null,
    expires_at timestamptz not null,
    constraint password_reset_pkey primary key (account_id),
    constraint password_reset_account_fkey foreign key (account_id) references account (id),
    constraint password_reset_code_unique unique (code_hash)
);
