-- +goose NO TRANSACTION
-- +goose Up
-- An accepted offer on its way through the levels of approval. stage is the
-- level that must decide next, or how it ended.
create table if not exists approval_case (
    application_id uuid        not null,
    customer_id    uuid        not null,
    offer_id       uuid        not null,
    officer_id     uuid        not null,
    currency       text        not null,
    principal      bigint      not null,
    instalment     bigint      not null,
    apr_percent    text        not null,
    schedule_hash  text        not null,
    stage          text        not null,
    opened_at      timestamptz not null,
    constraint approval_case_pkey primary key (application_id),
    constraint approval_case_principal_positive check (principal > 0),
    constraint approval_case_stage_known check (stage in ('INTERNAL', 'MANAGEMENT', 'FINAL', 'GRANTED', 'REJECTED'))
);
