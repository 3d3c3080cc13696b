-- +goose NO TRANSACTION
-- +goose Up
-- The lines of an account in the order of their booking dates.
create index if not exists reconcile_bank_line_day on reconcile_bank_line (account_id, booking_date, id);
