-- +goose NO TRANSACTION
-- +goose Up
-- The general ledger codes and currencies that blocks hold sums of, by the date
-- that counts (EFFECTIVE or BOOKING). id is the owner of those sums; all share
-- the blocks of their basis.
create table if not exists ledger_heading (
    basis    text not null,
    gl_code  text not null,
    currency text not null,
    id       uuid not null,
    constraint ledger_heading_pkey primary key (basis, gl_code, currency)
);
