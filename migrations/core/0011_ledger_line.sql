-- +goose NO TRANSACTION
-- +goose Up
-- The lines of the journal, kept by batch and entry as they were posted. Dates
-- repeat those of the entry, so that what an account holds at any pair of dates
-- is found in this table alone. Rows are inserted and never changed.
create table if not exists ledger_line (
    batch_id       uuid        not null,
    batch_pos      bigint      not null,
    line_no        bigint      not null,
    account_id     uuid        not null,
    effective_date date        not null,
    recorded_at    timestamptz not null,
    debit          bigint      not null,
    credit         bigint      not null,
    constraint ledger_line_pkey primary key (batch_id, batch_pos, line_no),
    constraint ledger_line_one_side check (debit >= 0 and credit >= 0 and (debit = 0) <> (credit = 0))
);
