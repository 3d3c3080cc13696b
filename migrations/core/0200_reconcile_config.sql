-- +goose NO TRANSACTION
-- +goose Up
-- Rule sets and CSV mappings of reconciliation. A version never changes; saving
-- another content under a name adds one.
create table if not exists reconcile_config (
    kind        text        not null,
    name        text        not null,
    version     bigint      not null,
    body        jsonb       not null,
    recorded_at timestamptz not null,
    recorded_by text        not null,
    constraint reconcile_config_pkey primary key (kind, name, version),
    constraint reconcile_config_kind check (kind in ('RULES', 'CSV'))
);
