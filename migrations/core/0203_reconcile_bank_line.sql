-- +goose NO TRANSACTION
-- +goose Up
-- Lines of bank statements. Rows are inserted and never changed. A line is told
-- by what it says (fingerprint) and how often that was said before.
create table if not exists reconcile_bank_line (
    id             uuid   not null,
    account_id     uuid   not null,
    statement_id   uuid   not null,
    place          text   not null,
    booking_date   date   not null,
    value_date     date   not null,
    amount         bigint not null,
    reference      text   not null,
    bank_reference text   not null,
    counterparty   text   not null,
    text           text   not null,
    fingerprint    bytea  not null,
    occurrence     bigint not null,
    constraint reconcile_bank_line_pkey primary key (id),
    constraint reconcile_bank_line_said_unique unique (account_id, fingerprint, occurrence),
    constraint reconcile_bank_line_amount check (amount <> 0)
);
