-- +goose NO TRANSACTION
-- +goose Up
-- Documents to look at: a projection of the document service's events, which
-- may begin before the review does.
create table if not exists evidence (
    document_id    uuid        not null,
    application_id uuid        not null,
    kind           text        not null,
    content_type   text        not null,
    sha256         text        not null,
    size           bigint      not null,
    uploaded_at    timestamptz not null,
    deleted        boolean     not null,
    constraint evidence_pkey primary key (document_id)
);
