-- +goose NO TRANSACTION
-- +goose Up
-- The version of the event that a case is from: one that comes late (a dead
-- letter that is sent again) must not put the case back.
alter table casefile add column if not exists version bigint not null default 0;
