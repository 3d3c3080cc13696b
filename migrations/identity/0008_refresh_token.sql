-- +goose NO TRANSACTION
-- +goose Up
-- Refresh tokens, by hash only. A used one stays until its session is
-- forgotten, so that its reuse is noticed.
create table if not exists refresh_token (
    token_hash bytea       not null,
    session_id uuid        not null,
    issued_at  timestamptz not null,
    used_at    timestamptz null,
    constraint refresh_token_pkey primary key (token_hash),
    constraint refresh_token_session_fkey foreign key (session_id) references login_session (id)
);
