-- +goose NO TRANSACTION
-- +goose Up
-- Loan applications and the stage each has reached. entries counts its rows in
-- table timeline; loan_id and principal_minor are known once there is a loan.
create table if not exists application (
    id                uuid        not null,
    customer_id       uuid        not null,
    product           text        not null,
    currency          text        not null,
    amount_minor      bigint      not null,
    instalments       bigint      not null,
    purpose           text        not null,
    income_minor      bigint      not null,
    obligations_minor bigint      not null,
    stage             text        not null,
    outcome           text        not null default '',
    loan_id           uuid        null,
    principal_minor   bigint      not null default 0,
    entries           bigint      not null default 0,
    created_at        timestamptz not null,
    changed_at        timestamptz not null,
    constraint application_pkey primary key (id),
    constraint application_amount_positive check (amount_minor > 0),
    constraint application_instalments_positive check (instalments > 0),
    constraint application_stage_known check (stage in ('INPUT', 'KYC_REVIEW', 'RISK_ASSESSMENT', 'DISCUSSION',
        'APPROVAL', 'AGREEMENT', 'ACTIVATION', 'REPAYMENT', 'CLOSED')),
    constraint application_outcome_known check (outcome in ('', 'REPAID', 'KYC_REJECTED', 'RISK_REJECTED', 'DECLINED',
        'EXPIRED', 'APPROVAL_REJECTED', 'DISBURSEMENT_FAILED')),
    constraint application_closed_has_outcome check ((stage = 'CLOSED') = (outcome <> ''))
);
