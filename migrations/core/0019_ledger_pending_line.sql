-- +goose NO TRANSACTION
-- +goose Up
-- The lines of pending entries.
create table if not exists ledger_pending_line (
    pending_id uuid   not null,
    line_no    bigint not null,
    account_id uuid   not null,
    debit      bigint not null,
    credit     bigint not null,
    constraint ledger_pending_line_pkey primary key (pending_id, line_no),
    constraint ledger_pending_line_one_side check (debit >= 0 and credit >= 0 and (debit = 0) <> (credit = 0))
);
