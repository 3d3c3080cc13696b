-- +goose NO TRANSACTION
-- +goose Up
-- One contract per application. sha256 names the document as it was presented,
-- signed_sha256 the concluded one.
create table if not exists agreement (
    id             uuid        not null,
    application_id uuid        not null,
    customer_id    uuid        not null,
    offer_id       uuid        not null,
    schedule_hash  text        not null,
    status         text        not null,
    sha256         text        not null,
    generated_at   timestamptz not null,
    method         text        not null,
    signed_sha256  text        not null,
    certificate    text        not null,
    signed_at      timestamptz null,
    constraint agreement_pkey primary key (id),
    constraint agreement_application_unique unique (application_id),
    constraint agreement_status_known check (status in ('GENERATED', 'UNDER_REVIEW', 'SIGNED')),
    constraint agreement_method_known check (method in ('', 'ESIGN', 'UPLOAD')),
    constraint agreement_signed_whole check (
        (status = 'SIGNED') = (signed_at is not null) and (status = 'SIGNED') = (method <> '')
        and (status = 'SIGNED') = (signed_sha256 <> ''))
);
