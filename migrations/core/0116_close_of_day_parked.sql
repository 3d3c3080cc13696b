-- +goose NO TRANSACTION
-- +goose Up
-- Loans that a day could not be started for. They are put aside with the
-- reason, and the others go on. A loan leaves when a day was started for it, or
-- when it is no longer at the version at which it failed.
create table if not exists close_of_day_parked (
    loan_id   uuid        not null,
    version   bigint      not null,
    book_id   uuid        not null,
    run_id    uuid        not null,
    day       date        not null,
    reason    text        not null,
    parked_at timestamptz not null,
    constraint close_of_day_parked_pkey primary key (loan_id)
);
