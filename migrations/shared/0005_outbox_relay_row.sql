-- +goose NO TRANSACTION
-- +goose Up
insert into outbox_relay (id) values (1) on conflict (id) do nothing;
