-- +goose NO TRANSACTION
-- +goose Up
-- The staff, page by page.
create index if not exists account_listing on account (kind, id);
