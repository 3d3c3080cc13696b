-- +goose NO TRANSACTION
-- +goose Up
-- One identity review per application that was handed in. note is what the
-- deciding manager wrote, sealed with the applicant's key.
create table if not exists review (
    application_id uuid        not null,
    customer_id    uuid        not null,
    product        text        not null,
    currency       text        not null,
    amount_minor   bigint      not null,
    status         text        not null,
    officer_id     uuid        null,
    assigned_by    uuid        null,
    verified_by    uuid        null,
    passed         boolean     not null default false,
    decided_by     uuid        null,
    reason         text        not null default '',
    note           text        not null default '',
    opened_at      timestamptz not null,
    assigned_at    timestamptz null,
    verified_at    timestamptz null,
    decided_at     timestamptz null,
    constraint review_pkey primary key (application_id),
    constraint review_status_known check (status in ('OPEN', 'ASSIGNED', 'VERIFIED', 'APPROVED', 'REJECTED')),
    constraint review_assigned_has_officer check (status = 'OPEN' or officer_id is not null),
    constraint review_verified_has_officer check (status in ('OPEN', 'ASSIGNED') or verified_by is not null),
    constraint review_decided_has_manager check ((status in ('APPROVED', 'REJECTED')) = (decided_by is not null)),
    constraint review_four_eyes check (decided_by is null or decided_by <> verified_by)
);
