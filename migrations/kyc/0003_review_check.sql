-- +goose NO TRANSACTION
-- +goose Up
-- What the officer found, check by check; notes are sealed with the
-- applicant's key.
create table if not exists review_check (
    application_id uuid not null,
    name           text not null,
    result         text not null,
    notes          text not null,
    constraint review_check_pkey primary key (application_id, name),
    constraint review_check_name_known check (name in ('IDENTITY', 'ADDRESS', 'INCOME', 'SANCTIONS')),
    constraint review_check_result_known check (result in ('PASS', 'FAIL'))
);
