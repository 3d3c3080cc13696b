-- +goose NO TRANSACTION
-- +goose Up
-- The simulated bank's own memory: what it has paid out, once per order.
create table if not exists simulated_payout (
    order_id  uuid        not null,
    currency  text        not null,
    amount    bigint      not null,
    reference text        not null,
    paid_at   timestamptz not null,
    constraint simulated_payout_pkey primary key (order_id)
);
