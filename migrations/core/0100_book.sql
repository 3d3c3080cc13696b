-- +goose NO TRANSACTION
-- +goose Up
-- Books: sets of loans with one business date, which close-of-day moves.
create table if not exists book (
    id            uuid        not null,
    name          text        not null,
    business_date date        not null,
    created_at    timestamptz not null,
    constraint book_pkey primary key (id),
    constraint book_name_unique unique (name)
);
