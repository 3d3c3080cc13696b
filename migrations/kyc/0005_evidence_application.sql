-- +goose NO TRANSACTION
-- +goose Up
create index if not exists evidence_application on evidence (application_id, uploaded_at);
