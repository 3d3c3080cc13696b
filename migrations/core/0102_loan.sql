-- +goose NO TRANSACTION
-- +goose Up
-- Loans. state is the fold of loan_fact in the form of servicing.EncodeLoan: it
-- alone is read to change a loan. The other columns are taken from it with each
-- write, so that questions about many loans can be asked in SQL. version counts
-- the facts; every write names the version that it started from.
--
-- part is a share of the book, by the id, that one worker of close-of-day takes.
-- open_* is what is owed by component, due or not, and receivable_* what of it
-- the ledger carries; allowance and deferred are what the ledger carries because of
-- the loan on accounts that all loans share. due_on is the due date of the oldest instalment
-- with something open: the loan is past due from the day after. attention_on is
-- the first business date whose start changes the loan. All in minor units.
--
-- The room left in a page lets PostgreSQL update a row without touching the
-- indexes; CockroachDB ignores it.
create table if not exists loan (
    id                   uuid        not null,
    application_id       uuid        not null,
    customer_id          uuid        not null,
    book_id              uuid        not null,
    part                 bigint      not null,
    status               text        not null,
    currency             text        not null,
    principal            bigint      not null,
    open_principal       bigint      not null,
    open_interest        bigint      not null,
    open_fees            bigint      not null,
    open_penalties       bigint      not null,
    receivable_principal bigint      not null,
    receivable_interest  bigint      not null,
    receivable_fees      bigint      not null,
    receivable_penalties bigint      not null,
    overpaid             bigint      not null,
    allowance            bigint      not null,
    deferred             bigint      not null,
    activated_on         date        not null,
    disbursed_on         date        null,
    last_paid_on         date        null,
    repaid_on            date        null,
    closed_on            date        null,
    matures_on           date        not null,
    due_on               date        null,
    attention_on         date        null,
    version              bigint      not null,
    state                bytea       not null,
    created_at           timestamptz not null,
    updated_at           timestamptz not null,
    constraint loan_pkey primary key (id),
    constraint loan_application_unique unique (application_id),
    constraint loan_amounts check (principal > 0 and overpaid >= 0),
    constraint loan_version_positive check (version > 0)
) with (fillfactor = 50);
