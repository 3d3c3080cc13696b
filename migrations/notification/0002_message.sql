-- +goose NO TRANSACTION
-- +goose Up
-- One message to one person about one event, whose id it has: an event that comes
-- again finds it told. Title and body are encrypted and bound to the message id.
create table if not exists message (
    id             uuid        not null,
    recipient_id   uuid        not null,
    type           text        not null,
    sealed_content text        not null,
    created_at     timestamptz not null,
    read_at        timestamptz null,
    constraint message_pkey primary key (id)
);
