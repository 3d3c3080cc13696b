-- +goose NO TRANSACTION
-- +goose Up
-- A login and all the refresh tokens that follow from it: a token family.
create table if not exists login_session (
    id         uuid        not null,
    account_id uuid        not null,
    status     text        not null,
    started_at timestamptz not null,
    expires_at timestamptz not null,
    constraint login_session_pkey primary key (id),
    constraint login_session_account_fkey foreign key (account_id) references account (id),
    constraint login_session_status_known check (status in ('ACTIVE', 'ENDED'))
);
