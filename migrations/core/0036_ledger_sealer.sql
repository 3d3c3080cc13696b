-- +goose NO TRANSACTION
-- +goose Up
-- One row that whoever seals locks first, so that of several processes one
-- works and the others wait. Nothing depends on it but that they do not make
-- each other start again.
create table if not exists ledger_sealer (
    id bigint not null,
    constraint ledger_sealer_pkey primary key (id)
);
