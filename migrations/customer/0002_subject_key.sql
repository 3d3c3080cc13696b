-- +goose NO TRANSACTION
-- +goose Up
-- Each person's own key, wrapped by the platform's keyring. Deleting the row
-- makes everything sealed with the key unreadable for ever.
create table if not exists subject_key (
    customer_id uuid not null,
    wrapped     text not null,
    constraint subject_key_pkey primary key (customer_id)
);
