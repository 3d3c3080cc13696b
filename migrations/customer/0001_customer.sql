-- +goose NO TRANSACTION
-- +goose Up
-- Borrowers. profile and identity are JSON sealed with the person's own key
-- (table subject_key); email_index is a keyed fingerprint for uniqueness.
create table if not exists customer (
    id               uuid        not null,
    email_index      text        not null,
    profile          text        not null,
    identity         text        not null default '',
    kyc_status       text        not null default 'NONE',
    registered_at    timestamptz not null,
    kyc_submitted_at timestamptz null,
    constraint customer_pkey primary key (id),
    constraint customer_email_unique unique (email_index),
    constraint customer_kyc_status_known check (kyc_status in ('NONE', 'SUBMITTED', 'VERIFIED'))
);
