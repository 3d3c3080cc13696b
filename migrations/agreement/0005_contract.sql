-- +goose NO TRANSACTION
-- +goose Up
-- The documents that the platform makes itself. They are small, hold no
-- personal data, and must commit with the row that says they exist.
create table if not exists contract (
    agreement_id uuid  not null,
    version      text  not null,
    content      bytea not null,
    constraint contract_pkey primary key (agreement_id, version),
    constraint contract_version_known check (version in ('ORIGINAL', 'SIGNED'))
);
