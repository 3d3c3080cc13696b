-- +goose NO TRANSACTION
-- +goose Up
-- What is pending on an account.
create index if not exists ledger_pending_line_account on ledger_pending_line (account_id, pending_id);
