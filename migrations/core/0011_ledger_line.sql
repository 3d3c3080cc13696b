-- +goose NO TRANSACTION
-- +goose Up
-- The lines of the journal, kept per account in the order of a statement.
-- Dates repeat those of the entry, so that a balance at any pair of dates
-- reads this table alone.
create table if not exists ledger_line (
    account_id     uuid        not null,
    effective_date date        not null,
    recorded_at    timestamptz not null,
    entry_id       uuid        not null,
    line_no        bigint      not null,
    booking_date   date        not null,
    debit          bigint      not null,
    credit         bigint      not null,
    constraint ledger_line_pkey primary key (account_id, effective_date, recorded_at, entry_id, line_no),
    constraint ledger_line_entry_unique unique (entry_id, line_no),
    constraint ledger_line_one_side check (debit >= 0 and credit >= 0 and (debit = 0) <> (credit = 0))
);
