-- +goose NO TRANSACTION
-- +goose Up
insert into ledger_sealer (id) values (1) on conflict (id) do nothing;
