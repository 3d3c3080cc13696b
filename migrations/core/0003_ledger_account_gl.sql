-- +goose NO TRANSACTION
-- +goose Up
-- The accounts under one general ledger code, in the order of their codes.
create index if not exists ledger_account_gl on ledger_account (gl_code, code);
