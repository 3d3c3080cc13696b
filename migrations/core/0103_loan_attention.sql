-- +goose NO TRANSACTION
-- +goose Up
-- What close-of-day has to look at, in the order in which it does.
create index if not exists loan_attention on loan (book_id, part, attention_on, id) where attention_on is not null;
