-- +goose NO TRANSACTION
-- +goose Up
-- The last version of each aggregate that a consumer has seen, to notice gaps.
create table if not exists inbox_head (
    consumer text   not null,
    source   text   not null,
    subject  uuid   not null,
    version  bigint not null,
    constraint inbox_head_pkey primary key (consumer, subject, source)
) with (fillfactor = 50);
