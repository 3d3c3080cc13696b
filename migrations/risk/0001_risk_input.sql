-- +goose NO TRANSACTION
-- +goose Up
-- What the policy is applied to, as the application was submitted. It is
-- frozen once the applicant's identity is approved.
create table if not exists risk_input (
    application_id      uuid        not null,
    customer_id         uuid        not null,
    product             text        not null,
    currency            text        not null,
    amount              bigint      not null,
    instalments         bigint      not null,
    monthly_income      bigint      not null,
    monthly_obligations bigint      not null,
    kyc_approved        boolean     not null,
    recorded_at         timestamptz not null,
    constraint risk_input_pkey primary key (application_id),
    constraint risk_input_amount_positive check (amount > 0),
    constraint risk_input_instalments_positive check (instalments > 0),
    constraint risk_input_income_not_negative check (monthly_income >= 0),
    constraint risk_input_obligations_not_negative check (monthly_obligations >= 0)
);
