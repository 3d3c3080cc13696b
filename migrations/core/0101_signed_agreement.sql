-- +goose NO TRANSACTION
-- +goose Up
-- What was signed, as activation heard of it: the loan is made of this.
-- product is the code of the product applied for; empty if the agreement names none.
-- product_version and late_fee (JSON) are what was signed of it; null and {} if the
-- agreement names no version.
create table if not exists signed_agreement (
    application_id  uuid        not null,
    customer_id     uuid        not null,
    agreement_id    uuid        not null,
    offer_id        uuid        not null,
    product         text        not null,
    product_version bigint      null,
    late_fee        text        not null,
    terms           text        not null,
    schedule_hash   text        not null,
    signed_at       timestamptz not null,
    constraint signed_agreement_pkey primary key (application_id)
);
