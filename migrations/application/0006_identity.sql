-- +goose NO TRANSACTION
-- +goose Up
-- Customers whose identity data are complete: a projection of the customer
-- service's events.
create table if not exists identity (
    customer_id  uuid        not null,
    submitted_at timestamptz not null,
    constraint identity_pkey primary key (customer_id)
);
