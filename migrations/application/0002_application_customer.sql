-- +goose NO TRANSACTION
-- +goose Up
-- A customer's applications.
create index if not exists application_customer on application (customer_id, stage);
