-- +goose NO TRANSACTION
-- +goose Up
-- Totals of the accounts that have a limit, checked and moved in the
-- transaction that posts. Accounts without a limit have no such row, so that
-- writers never meet on one: their balance is the sum of their lines.
create table if not exists ledger_limit (
    account_id      uuid   not null,
    debits          bigint not null,
    credits         bigint not null,
    pending_debits  bigint not null,
    pending_credits bigint not null,
    constraint ledger_limit_pkey primary key (account_id),
    constraint ledger_limit_not_negative check
        (debits >= 0 and credits >= 0 and pending_debits >= 0 and pending_credits >= 0)
);
