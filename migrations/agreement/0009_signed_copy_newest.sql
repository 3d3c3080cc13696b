-- +goose NO TRANSACTION
-- +goose Up
create index if not exists signed_copy_newest on signed_copy (agreement_id, uploaded_at, id);
