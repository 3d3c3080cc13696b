-- +goose NO TRANSACTION
-- +goose Up
-- The history of a loan, newest first.
create index if not exists payment_loan on payment (loan_id, created_at desc, id desc);
