-- +goose NO TRANSACTION
-- +goose Up
create index if not exists document_application on document (application_id, kind);
