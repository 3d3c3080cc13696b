-- +goose NO TRANSACTION
-- +goose Up
-- One-time codes, by their keyed fingerprint only. The last one counts.
create table if not exists signing_code (
    id            uuid        not null,
    agreement_id  uuid        not null,
    number        bigint      not null,
    fingerprint   text        not null,
    issued_at     timestamptz not null,
    expires_at    timestamptz not null,
    attempts_left bigint      not null,
    constraint signing_code_pkey primary key (id),
    constraint signing_code_number_unique unique (agreement_id, number),
    constraint signing_code_attempts check (attempts_left >= 0)
);
