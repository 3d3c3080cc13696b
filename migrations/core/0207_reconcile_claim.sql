-- +goose NO TRANSACTION
-- +goose Up
-- Which match a line belongs to. The primary key is what makes it one at most,
-- whoever matches at the same time. line_no is zero for lines of the bank.
create table if not exists reconcile_claim (
    side       text   not null,
    line_id    uuid   not null,
    line_no    bigint not null,
    account_id uuid   not null,
    match_id   uuid   not null,
    line_date  date   not null,
    amount     bigint not null,
    constraint reconcile_claim_pkey primary key (side, line_id, line_no),
    constraint reconcile_claim_side check (side in ('BANK', 'BOOKS'))
);
