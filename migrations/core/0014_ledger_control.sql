-- +goose NO TRANSACTION
-- +goose Up
-- One row that every posting transaction reads: closed_through is the last day
-- of the closed periods, and account_epoch moves when an account is closed or
-- opened again, so that accounts may be cached. Closing and reopening periods
-- moves it as well: it numbers the records of both.
create table if not exists ledger_control (
    id             bigint not null,
    closed_through date   not null,
    account_epoch  bigint not null,
    constraint ledger_control_pkey primary key (id)
);
