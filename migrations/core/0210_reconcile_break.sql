-- +goose NO TRANSACTION
-- +goose Up
-- Lines that are not matched, and differences that matches leave, with what is
-- known about them. One row for each line for ever; amount is what the bank has
-- more than the books.
create table if not exists reconcile_break (
    id          uuid        not null,
    account_id  uuid        not null,
    side        text        not null,
    line_id     uuid        not null,
    line_no     bigint      not null,
    kind        text        not null,
    amount      bigint      not null,
    line_date   date        not null,
    reason      jsonb       not null,
    opened_at   timestamptz not null,
    state       text        not null,
    resolution  text        not null,
    note        text        not null,
    resolved_at timestamptz null,
    resolved_by text        not null,
    match_id    uuid        null,
    entry_id    uuid        null,
    constraint reconcile_break_pkey primary key (id),
    constraint reconcile_break_side check (side in ('BANK', 'BOOKS', 'MATCH')),
    constraint reconcile_break_state check (state in ('OPEN', 'EXPLAINED', 'CLOSED')),
    constraint reconcile_break_resolved check ((state = 'OPEN') = (resolved_at is null))
);
