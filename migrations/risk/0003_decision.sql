-- +goose NO TRANSACTION
-- +goose Up
-- What the risk manager decided: one decision per application, never changed.
-- max_amount is 0 for a rejection; reasons is a JSON array of codes.
create table if not exists decision (
    application_id uuid        not null,
    outcome        text        not null,
    max_amount     bigint      not null,
    currency       text        not null,
    reasons        text        not null,
    comment        text        not null,
    decided_by     uuid        not null,
    decided_at     timestamptz not null,
    constraint decision_pkey primary key (application_id),
    constraint decision_outcome_known check (outcome in ('APPROVE', 'REJECT')),
    constraint decision_amount_fits check ((outcome = 'APPROVE') = (max_amount > 0))
);
