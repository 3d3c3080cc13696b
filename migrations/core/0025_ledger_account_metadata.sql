-- +goose NO TRANSACTION
-- +goose Up
-- Accounts by the pairs of their metadata, such as those of one loan.
create index if not exists ledger_account_metadata on ledger_account using gin (metadata);
