-- +goose NO TRANSACTION
-- +goose Up
-- Reconciliations that were run, by whom, under which rules, with what result.
create table if not exists reconcile_run (
    id            uuid        not null,
    account_id    uuid        not null,
    rules         text        not null,
    rules_version bigint      not null,
    through       date        not null,
    bank_lines    bigint      not null,
    book_lines    bigint      not null,
    matches       bigint      not null,
    breaks        bigint      not null,
    limit_reached boolean     not null,
    digest        bytea       not null,
    recorded_at   timestamptz not null,
    recorded_by   text        not null,
    constraint reconcile_run_pkey primary key (id)
);
