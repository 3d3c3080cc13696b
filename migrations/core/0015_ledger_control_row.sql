-- +goose NO TRANSACTION
-- +goose Up
insert into ledger_control (id, closed_through, account_epoch) values (1, '1899-12-31', 0) on conflict (id) do nothing;
