-- +goose NO TRANSACTION
-- +goose Up
-- Blobs to which no other row refers: an upload that is going on, or a file
-- that was deleted. From due_at on the blob is removed; claimed says that the
-- removal has begun and nothing may refer to the blob again.
create table if not exists loose_blob (
    key     text        not null,
    due_at  timestamptz not null,
    claimed boolean     not null,
    constraint loose_blob_pkey primary key (key)
);
