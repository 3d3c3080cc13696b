-- +goose NO TRANSACTION
-- +goose Up
-- What each level decided: once, and each by another person.
create table if not exists approval_decision (
    application_id uuid        not null,
    level          text        not null,
    decision       text        not null,
    comment        text        not null,
    decided_by     uuid        not null,
    decided_at     timestamptz not null,
    constraint approval_decision_pkey primary key (application_id, level),
    constraint approval_decision_four_eyes unique (application_id, decided_by),
    constraint approval_decision_level_known check (level in ('INTERNAL', 'MANAGEMENT', 'FINAL')),
    constraint approval_decision_known check (decision in ('APPROVE', 'REJECT'))
);
