-- +goose NO TRANSACTION
-- +goose Up
-- Loans: the fold of loan_fact, kept for reading and for posting. version
-- counts the facts; every write names the version that it started from.
-- attention_on is the first business date whose start changes the loan.
create table if not exists loan (
    id               uuid        not null,
    application_id   uuid        not null,
    customer_id      uuid        not null,
    book_id          uuid        not null,
    status           text        not null,
    currency         text        not null,
    terms            text        not null,
    schedule_hash    text        not null,
    allocation       text        not null,
    disbursement_id  uuid        not null,
    gross            bigint      not null,
    net              bigint      not null,
    lender_fees      bigint      not null,
    third_party_fees bigint      not null,
    overpaid         bigint      not null,
    activated_on     date        not null,
    disbursed_on     date        null,
    last_paid_on     date        null,
    repaid_on        date        null,
    closed_on        date        null,
    attention_on     date        null,
    version          bigint      not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    constraint loan_pkey primary key (id),
    constraint loan_application_unique unique (application_id),
    constraint loan_status check (status in ('PENDING', 'ACTIVE', 'REPAID', 'CLOSED', 'CANCELLED')),
    constraint loan_amounts check (gross = net + lender_fees + third_party_fees and net > 0 and overpaid >= 0),
    constraint loan_version_positive check (version > 0)
);
