-- +goose NO TRANSACTION
-- +goose Up
-- Documents that an application has or had: a projection of the document
-- service's events.
create table if not exists document (
    id             uuid    not null,
    application_id uuid    not null,
    kind           text    not null,
    deleted        boolean not null,
    constraint document_pkey primary key (id)
);
