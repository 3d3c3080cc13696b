-- +goose NO TRANSACTION
-- +goose Up
-- The terms that a borrower accepted, as they were announced, and whether the
-- lender has approved them: a contract is made of nothing else.
create table if not exists accepted_offer (
    application_id uuid    not null,
    customer_id    uuid    not null,
    offer_id       uuid    not null,
    offer          text    not null,
    approved       boolean not null,
    constraint accepted_offer_pkey primary key (application_id)
);
