-- +goose NO TRANSACTION
-- +goose Up
-- What happened to each application. entered is the stage that the event led
-- to, '' when it led to none; outcome is set when that is CLOSED.
create table if not exists timeline (
    application_id uuid        not null,
    seq            bigint      not null,
    at             timestamptz not null,
    recorded_at    timestamptz not null,
    event          text        not null,
    actor_role     text        not null,
    sentence       text        not null,
    left_stage     text        not null default '',
    entered        text        not null default '',
    outcome        text        not null default '',
    constraint timeline_pkey primary key (application_id, seq)
);
