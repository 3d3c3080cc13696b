-- +goose NO TRANSACTION
-- +goose Up
-- What the lines of a block sum to through each of their effective dates, so
-- that one row tells it for any day. At level 0 number is that of a block; at
-- each level above, number n stands for the eight numbers from 8n of the level
-- below, once they are all there.
create table if not exists ledger_block_sum (
    owner          uuid   not null,
    level          bigint not null,
    number         bigint not null,
    effective_date date   not null,
    debits         bigint not null,
    credits        bigint not null,
    constraint ledger_block_sum_pkey primary key (owner, level, number, effective_date)
);
