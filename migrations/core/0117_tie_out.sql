-- +goose NO TRANSACTION
-- +goose Up
-- What the ledger and the loans said of each component when a day was closed,
-- and who in finance signed for it.
create table if not exists tie_out (
    book_id   uuid        not null,
    day       date        not null,
    report    text        not null,
    agrees    boolean     not null,
    made_at   timestamptz not null,
    signed_by text        not null,
    signed_at timestamptz null,
    comment   text        not null,
    constraint tie_out_pkey primary key (book_id, day)
);
