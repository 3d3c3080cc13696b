-- +goose NO TRANSACTION
-- +goose Up
-- Lines of bank and books that belong together, and why. The lines themselves are
-- claimed in reconcile_claim while the match is active; here they stay named.
create table if not exists reconcile_match (
    id          uuid        not null,
    account_id  uuid        not null,
    run_id      uuid        null,
    rule        text        not null,
    difference  bigint      not null,
    lines       jsonb       not null,
    note        text        not null,
    recorded_at timestamptz not null,
    recorded_by text        not null,
    state       text        not null,
    undone_at   timestamptz null,
    undone_by   text        not null,
    undo_reason text        not null,
    constraint reconcile_match_pkey primary key (id),
    constraint reconcile_match_state check (state in ('ACTIVE', 'UNDONE')),
    constraint reconcile_match_undone check ((state = 'UNDONE') = (undone_at is not null))
);
