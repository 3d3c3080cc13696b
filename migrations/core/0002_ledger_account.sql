-- +goose NO TRANSACTION
-- +goose Up
-- Accounts. Everything but closed is fixed when the account is opened; the id
-- is derived from the code.
-- row_hash covers the other columns that never change.
create table if not exists ledger_account (
    id          uuid        not null,
    code        text        not null,
    name        text        not null,
    gl_code     text        not null,
    type        text        not null,
    normal_side text        not null,
    currency    text        not null,
    limit_rule  text        not null,
    closed      boolean     not null,
    metadata    jsonb       not null,
    created_at  timestamptz not null,
    row_hash    bytea       not null,
    constraint ledger_account_pkey primary key (id),
    constraint ledger_account_code_unique unique (code),
    constraint ledger_account_type check (type in ('ASSET', 'LIABILITY', 'EQUITY', 'INCOME', 'EXPENSE')),
    constraint ledger_account_normal_side check (normal_side in ('DEBIT', 'CREDIT')),
    constraint ledger_account_limit check
        (limit_rule in ('NONE', 'DEBITS_MUST_NOT_EXCEED_CREDITS', 'CREDITS_MUST_NOT_EXCEED_DEBITS'))
);
