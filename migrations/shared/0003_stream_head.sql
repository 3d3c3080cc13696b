-- +goose NO TRANSACTION
-- +goose Up
-- The last version given to an event of each aggregate. Updating this row is
-- what makes two transactions of one aggregate publish in commit order.
create table if not exists stream_head (
    subject     uuid        not null,
    version     bigint      not null,
    recorded_at timestamptz not null,
    constraint stream_head_pkey primary key (subject)
) with (fillfactor = 50);
