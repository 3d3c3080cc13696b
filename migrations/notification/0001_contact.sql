-- +goose NO TRANSACTION
-- +goose Up
-- How to reach a customer, encrypted and bound to the customer id.
create table if not exists contact (
    customer_id    uuid        not null,
    sealed_contact text        not null,
    recorded_at    timestamptz not null,
    constraint contact_pkey primary key (customer_id)
);
