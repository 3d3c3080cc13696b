-- +goose NO TRANSACTION
-- +goose Up
-- The versions of loan products, as activation announced them: what an offer must
-- tell of them. late_fee is JSON, {} for none. Rows never change.
create table if not exists loan_product (
    code           text   not null,
    currency       text   not null,
    version        bigint not null,
    effective_from date   not null,
    late_fee       text   not null,
    constraint loan_product_pkey primary key (code, currency, version),
    constraint loan_product_version_positive check (version > 0)
);
