-- +goose NO TRANSACTION
-- +goose Up
-- What was done beside the journal and is left to seal: an account or heading
-- opened, an answer kept, an entry announced or its end, an account or period
-- closed or opened again. A queue like ledger_unsealed, written in the statement
-- that does it. number orders what is done to the books as a whole and is 0 for
-- the rest; hash covers the row that subject names.
create table if not exists ledger_unsealed_record (
    kind    text   not null,
    subject uuid   not null,
    number  bigint not null,
    hash    bytea  not null,
    constraint ledger_unsealed_record_pkey primary key (kind, subject, number)
);
