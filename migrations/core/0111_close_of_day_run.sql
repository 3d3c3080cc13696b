-- +goose NO TRANSACTION
-- +goose Up
-- Orders to close business days, and how far each has come. day_loans counts the
-- loans that the day being closed changes, and day_from the loans that the
-- shares of the run had done when that day began.
create table if not exists close_of_day_run (
    id           uuid        not null,
    book_id      uuid        not null,
    status       text        not null,
    first_day    date        not null,
    through      date        not null,
    closed_days  bigint      not null,
    day_loans    bigint      not null,
    day_from     bigint      not null,
    tied_out     text        not null,
    reason       text        not null,
    requested_by text        not null,
    created_at   timestamptz not null,
    started_at   timestamptz null,
    updated_at   timestamptz not null,
    finished_at  timestamptz null,
    constraint close_of_day_run_pkey primary key (id),
    constraint close_of_day_run_status check (status in ('QUEUED', 'RUNNING', 'DONE', 'NOTHING_TO_DO', 'FAILED')),
    constraint close_of_day_run_tied_out check (tied_out in ('', 'AGREES', 'DIFFERS'))
);
