-- +goose NO TRANSACTION
-- +goose Up
-- The general ledger: the headings that accounts of every currency roll up to.
-- row_hash covers the other columns that never change.
create table if not exists ledger_gl (
    code        text        not null,
    name        text        not null,
    type        text        not null,
    normal_side text        not null,
    created_at  timestamptz not null,
    row_hash    bytea       not null,
    constraint ledger_gl_pkey primary key (code),
    constraint ledger_gl_type check (type in ('ASSET', 'LIABILITY', 'EQUITY', 'INCOME', 'EXPENSE')),
    constraint ledger_gl_normal_side check (normal_side in ('DEBIT', 'CREDIT'))
);
