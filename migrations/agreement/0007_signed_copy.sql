-- +goose NO TRANSACTION
-- +goose Up
-- Copies signed by hand and sent in, with what the review said of each.
create table if not exists signed_copy (
    id           uuid        not null,
    agreement_id uuid        not null,
    number       bigint      not null,
    size         bigint      not null,
    sha256       text        not null,
    blob_key     text        not null,
    wrapped_key  text        not null,
    uploaded_at  timestamptz not null,
    decision     text        not null,
    reason       text        not null,
    reviewed_at  timestamptz null,
    constraint signed_copy_pkey primary key (id),
    constraint signed_copy_number_unique unique (agreement_id, number),
    constraint signed_copy_decision_known check (decision in ('PENDING', 'APPROVED', 'REJECTED'))
);
