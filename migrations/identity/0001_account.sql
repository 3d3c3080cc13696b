-- +goose NO TRANSACTION
-- +goose Up
-- Who can log in: borrowers, whose id is the customer id, and staff. The login
-- name is found by a keyed hash; the e-mail itself and the password hash are
-- encrypted.
create table if not exists account (
    id                uuid        not null,
    kind              text        not null,
    login_key         bytea       not null,
    sealed_email      text        not null,
    sealed_credential text        not null,
    roles             jsonb       not null,
    status            text        not null,
    created_at        timestamptz not null,
    created_by        uuid        not null,
    constraint account_pkey primary key (id),
    constraint account_login_unique unique (login_key),
    constraint account_kind_known check (kind in ('CUSTOMER', 'STAFF')),
    constraint account_status_known check (status in ('ACTIVE', 'DISABLED'))
);
