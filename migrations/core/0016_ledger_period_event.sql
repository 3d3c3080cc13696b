-- +goose NO TRANSACTION
-- +goose Up
-- Who closed or reopened the books, through which day, when and why.
-- row_hash covers the other columns.
create table if not exists ledger_period_event (
    id          uuid        not null,
    action      text        not null,
    through     date        not null,
    recorded_at timestamptz not null,
    posted_by   text        not null,
    reason      text        not null,
    totals      jsonb       not null,
    row_hash    bytea       not null,
    constraint ledger_period_event_pkey primary key (id),
    constraint ledger_period_event_action check (action in ('CLOSE', 'REOPEN'))
);
