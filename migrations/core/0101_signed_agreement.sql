-- +goose NO TRANSACTION
-- +goose Up
-- What was signed, as activation heard of it: the loan is made of this.
-- product is the code of the product applied for; empty if the agreement names none.
create table if not exists signed_agreement (
    application_id uuid        not null,
    customer_id    uuid        not null,
    agreement_id   uuid        not null,
    offer_id       uuid        not null,
    product        text        not null,
    terms          text        not null,
    schedule_hash  text        not null,
    signed_at      timestamptz not null,
    constraint signed_agreement_pkey primary key (application_id)
);
