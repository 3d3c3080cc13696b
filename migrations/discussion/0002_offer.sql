-- +goose NO TRANSACTION
-- +goose Up
-- Every offer made. terms and key_facts are JSON; the schedule follows from the
-- terms and is named by schedule_hash. valid_until is a business date.
-- product_version and late_fee (JSON) are those of the product when the offer was
-- made; null and {} for an application that names no product.
create table if not exists offer (
    id              uuid        not null,
    application_id  uuid        not null,
    version         bigint      not null,
    status          text        not null,
    product         text        not null,
    product_version bigint      null,
    late_fee        text        not null,
    terms           text        not null,
    key_facts       text        not null,
    schedule_hash   text        not null,
    valid_until     date        not null,
    officer_id      uuid        not null,
    made_at         timestamptz not null,
    closed_at       timestamptz null,
    reason          text        not null,
    constraint offer_pkey primary key (id),
    constraint offer_version_unique unique (application_id, version),
    constraint offer_version_positive check (version > 0),
    constraint offer_status_known check (status in ('OPEN', 'SUPERSEDED', 'ACCEPTED', 'DECLINED', 'EXPIRED'))
);
