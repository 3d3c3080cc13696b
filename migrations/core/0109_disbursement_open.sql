-- +goose NO TRANSACTION
-- +goose Up
-- Payouts to be tried, the longest waiting first.
create index if not exists disbursement_open on disbursement (next_attempt_at, id) where status = 'INITIATED';
