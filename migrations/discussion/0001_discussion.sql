-- +goose NO TRANSACTION
-- +goose Up
-- An application whose terms are being agreed. max_amount is 0 until the risk
-- is approved; last_version counts its offers.
create table if not exists discussion (
    application_id uuid        not null,
    customer_id    uuid        not null,
    product        text        not null,
    currency       text        not null,
    amount         bigint      not null,
    instalments    bigint      not null,
    max_amount     bigint      not null,
    status         text        not null,
    last_version   bigint      not null,
    recorded_at    timestamptz not null,
    constraint discussion_pkey primary key (application_id),
    constraint discussion_max_amount_not_negative check (max_amount >= 0),
    constraint discussion_status_known
        check (status in ('SUBMITTED', 'OPEN', 'ACCEPTED', 'DECLINED', 'EXPIRED'))
);
