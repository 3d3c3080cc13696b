-- +goose NO TRANSACTION
-- +goose Up
-- Payouts, one for each tranche of a loan. While one is INITIATED whoever holds it until next_attempt_at asks
-- the bank; claiming it moves that instant and counts the attempt.
create table if not exists disbursement (
    id              uuid        not null,
    loan_id         uuid        not null,
    status          text        not null,
    currency        text        not null,
    amount          bigint      not null,
    attempts        bigint      not null,
    refusals        bigint      not null,
    next_attempt_at timestamptz not null,
    bank_reference  text        not null,
    reason          text        not null,
    initiated_at    timestamptz not null,
    settled_at      timestamptz null,
    constraint disbursement_pkey primary key (id),
    constraint disbursement_status check (status in ('INITIATED', 'COMPLETED', 'FAILED')),
    constraint disbursement_amount_positive check (amount > 0)
);
