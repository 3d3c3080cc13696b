-- +goose NO TRANSACTION
-- +goose Up
create index if not exists signing_code_newest on signing_code (agreement_id, issued_at, id);
