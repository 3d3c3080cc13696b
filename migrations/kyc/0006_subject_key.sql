-- +goose NO TRANSACTION
-- +goose Up
-- Each applicant's own key in this database, wrapped by the platform's keyring.
-- Deleting the row makes what officers wrote about the person unreadable.
create table if not exists subject_key (
    customer_id uuid not null,
    wrapped     text not null,
    constraint subject_key_pkey primary key (customer_id)
);
