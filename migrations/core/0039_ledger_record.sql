-- +goose NO TRANSACTION
-- +goose Up
-- The same once it is sealed: the chain covers the records of a place together
-- with its batch. Rows are inserted and never changed.
create table if not exists ledger_record (
    seq     bigint not null,
    kind    text   not null,
    subject uuid   not null,
    number  bigint not null,
    hash    bytea  not null,
    constraint ledger_record_pkey primary key (seq, kind, subject, number)
);
