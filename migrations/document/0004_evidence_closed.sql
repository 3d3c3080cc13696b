-- +goose NO TRANSACTION
-- +goose Up
-- Applications whose identity review is decided: their evidence is frozen.
create table if not exists evidence_closed (
    application_id uuid        not null,
    closed_at      timestamptz not null,
    constraint evidence_closed_pkey primary key (application_id)
);
