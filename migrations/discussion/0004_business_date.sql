-- +goose NO TRANSACTION
-- +goose Up
-- The business date of each book, as close-of-day announced it.
create table if not exists business_date (
    book          text not null,
    business_date date not null,
    constraint business_date_pkey primary key (book)
);
