-- +goose NO TRANSACTION
-- +goose Up
-- Applications as this service knows them: a projection of the application
-- service's events. Services outside origination leave it empty.
create table if not exists casefile (
    application_id uuid not null,
    customer_id    uuid not null,
    stage          text not null,
    outcome        text not null,
    constraint casefile_pkey primary key (application_id)
);
