-- +goose NO TRANSACTION
-- +goose Up
-- Orders to close business days, and how far each has come.
create table if not exists close_of_day_run (
    id            uuid        not null,
    book_id       uuid        not null,
    status        text        not null,
    first_day     date        not null,
    through       date        not null,
    closed_days   bigint      not null,
    loans_done    bigint      not null,
    loans_overdue bigint      not null,
    reason        text        not null,
    requested_by  text        not null,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    finished_at   timestamptz null,
    constraint close_of_day_run_pkey primary key (id),
    constraint close_of_day_run_status check (status in ('QUEUED', 'RUNNING', 'DONE', 'NOTHING_TO_DO', 'FAILED'))
);
