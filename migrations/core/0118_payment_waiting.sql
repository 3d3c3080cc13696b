-- +goose NO TRANSACTION
-- +goose Up
-- Declared payments that wait for proof and verification.
create index if not exists payment_waiting on payment (currency, id) where status in ('DECLARED', 'PROVEN');
