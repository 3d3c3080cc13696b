-- +goose NO TRANSACTION
-- +goose Up
-- Open offers by the last day on which they can be accepted, to expire them.
create index if not exists offer_open on offer (valid_until, id) where status = 'OPEN';
