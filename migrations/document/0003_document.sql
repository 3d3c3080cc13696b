-- +goose NO TRANSACTION
-- +goose Up
-- Files that borrowers gave as evidence. wrapped_key opens the blob: with the
-- row goes the last way to read it. The same content counts once per kind.
create table if not exists document (
    id             uuid        not null,
    application_id uuid        not null,
    customer_id    uuid        not null,
    kind           text        not null,
    content_type   text        not null,
    size           bigint      not null,
    sha256         text        not null,
    blob_key       text        not null,
    wrapped_key    text        not null,
    uploaded_at    timestamptz not null,
    constraint document_pkey primary key (id),
    constraint document_content_unique unique (application_id, kind, sha256),
    constraint document_blob_unique unique (blob_key),
    constraint document_kind_known check (kind in ('IDENTITY', 'INCOME', 'ADDRESS', 'OTHER')),
    constraint document_type_known check (content_type in ('application/pdf', 'image/jpeg', 'image/png')),
    constraint document_size_positive check (size > 0)
);
