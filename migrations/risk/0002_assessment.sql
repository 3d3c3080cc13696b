-- +goose NO TRANSACTION
-- +goose Up
-- What a version of the policy made of the inputs with this hash: one
-- assessment per application, never changed. report is the whole of it in JSON.
create table if not exists assessment (
    application_id uuid        not null,
    policy_version text        not null,
    inputs_hash    text        not null,
    score          bigint      not null,
    band           text        not null,
    report         text        not null,
    assessed_at    timestamptz not null,
    constraint assessment_pkey primary key (application_id),
    constraint assessment_score_not_negative check (score >= 0)
);
