-- +goose NO TRANSACTION
-- +goose Up
-- What happened to each loan, in order; rows are never changed.
create table if not exists loan_fact (
    loan_id        uuid        not null,
    version        bigint      not null,
    kind           text        not null,
    effective_date date        not null,
    recorded_at    timestamptz not null,
    data           text        not null,
    constraint loan_fact_pkey primary key (loan_id, version)
);
