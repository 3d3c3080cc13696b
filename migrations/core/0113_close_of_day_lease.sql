-- +goose NO TRANSACTION
-- +goose Up
-- Who closes the day of a book, until when. fence grows with every holder, and
-- every write of a holder names it: one that lost the lease cannot write.
create table if not exists close_of_day_lease (
    book_id    uuid        not null,
    owner      uuid        not null,
    expires_at timestamptz not null,
    fence      bigint      not null,
    constraint close_of_day_lease_pkey primary key (book_id)
);
