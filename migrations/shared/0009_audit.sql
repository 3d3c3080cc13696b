-- +goose NO TRANSACTION
-- +goose Up
-- Who changed what, one hash chain per aggregate.
create table if not exists audit (
    stream      uuid        not null,
    seq         bigint      not null,
    recorded_at timestamptz not null,
    actor       text        not null,
    action      text        not null,
    detail      text        not null,
    prev_hash   bytea       not null,
    hash        bytea       not null,
    constraint audit_pkey primary key (stream, seq),
    constraint audit_seq_positive check (seq > 0)
);
