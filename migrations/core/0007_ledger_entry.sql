-- +goose NO TRANSACTION
-- +goose Up
-- The journal. Rows are inserted and never changed; the id is derived from the
-- key, so that the primary key makes a key post once for ever.
create table if not exists ledger_entry (
    id             uuid        not null,
    key            text        not null,
    hash           bytea       not null,
    kind           text        not null,
    effective_date date        not null,
    booking_date   date        not null,
    recorded_at    timestamptz not null,
    reference      text        not null,
    description    text        not null,
    posted_by      text        not null,
    metadata       jsonb       not null,
    reverses       uuid        null,
    batch_id       uuid        not null,
    batch_pos      bigint      not null,
    constraint ledger_entry_pkey primary key (id)
);
