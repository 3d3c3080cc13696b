-- +goose NO TRANSACTION
-- +goose Up
-- Payments, declared by borrowers or posted by partners. The split is zero
-- until the payment is posted; quote_id is the payoff quote that it answers, or
-- the nil id.
create table if not exists payment (
    id            uuid        not null,
    loan_id       uuid        not null,
    status        text        not null,
    kind          text        not null,
    currency      text        not null,
    amount        bigint      not null,
    value_date    date        not null,
    channel       text        not null,
    reference     text        not null,
    principal     bigint      not null,
    interest      bigint      not null,
    fees          bigint      not null,
    penalties     bigint      not null,
    overpaid      bigint      not null,
    created_by    uuid        not null,
    created_at    timestamptz not null,
    proof_blob    text        not null,
    proof_key     text        not null,
    proof_type    text        not null,
    proof_sha256  text        not null,
    proof_bytes   bigint      not null,
    decided_by    uuid        null,
    decided_at    timestamptz null,
    reason        text        not null,
    quote_id      uuid        not null,
    constraint payment_pkey primary key (id),
    constraint payment_status check (status in ('DECLARED', 'PROVEN', 'POSTED', 'REJECTED', 'REVERSED')),
    constraint payment_amount_positive check (amount > 0),
    constraint payment_conserved
        check (status <> 'POSTED' or amount = principal + interest + fees + penalties + overpaid)
);
