-- +goose NO TRANSACTION
-- +goose Up
-- The catalogue of loan products: how loans of a code and currency are serviced
-- that are activated from effective_from on. A version never changes, and a loan
-- keeps the one that it was activated with. settings is JSON, checked by package
-- servicing when it was saved.
create table if not exists loan_product (
    code           text        not null,
    currency       text        not null,
    version        bigint      not null,
    effective_from date        not null,
    settings       text        not null,
    reason         text        not null,
    recorded_at    timestamptz not null,
    recorded_by    uuid        not null,
    constraint loan_product_pkey primary key (code, currency, version),
    constraint loan_product_version_positive check (version > 0)
);
