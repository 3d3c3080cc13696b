-- +goose NO TRANSACTION
-- +goose Up
-- The parts of a run: who works on each, until when, and what was done. Every
-- write of a holder names the owner: one that lost the share cannot write.
-- ready_for is the day to whose start all loans of the part have been brought.
create table if not exists close_of_day_share (
    run_id        uuid        not null,
    part          bigint      not null,
    owner         uuid        not null,
    expires_at    timestamptz not null,
    ready_for     date        not null,
    loans_done    bigint      not null,
    loans_overdue bigint      not null,
    loans_parked  bigint      not null,
    constraint close_of_day_share_pkey primary key (run_id, part)
);
