-- +goose NO TRANSACTION
-- +goose Up
-- Entries that are announced but not booked. The one row decides, by a
-- conditional update of state, whether it is posted, voided or expired. hash
-- covers what was announced and row_hash also when; end_hash how it ended.
create table if not exists ledger_pending (
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
    expires_at     timestamptz not null,
    state          text        not null,
    resolved_at    timestamptz null,
    resolved_by    text        not null,
    entry_id       uuid        null,
    row_hash       bytea       not null,
    end_hash       bytea       null,
    constraint ledger_pending_pkey primary key (id),
    constraint ledger_pending_state check (state in ('OPEN', 'POSTED', 'VOIDED', 'EXPIRED')),
    constraint ledger_pending_resolved check ((state = 'OPEN') = (resolved_at is null)),
    constraint ledger_pending_end_hash check ((state = 'OPEN') = (end_hash is null)),
    constraint ledger_pending_entry check ((state = 'POSTED') = (entry_id is not null))
);
