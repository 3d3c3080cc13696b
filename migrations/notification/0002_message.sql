-- +goose NO TRANSACTION
-- +goose Up
-- One message to one person about one event. Title and body are encrypted and
-- bound to the message id.
create table if not exists message (
    id             uuid        not null,
    event_id       uuid        not null,
    recipient_id   uuid        not null,
    type           text        not null,
    sealed_content text        not null,
    created_at     timestamptz not null,
    read_at        timestamptz null,
    constraint message_pkey primary key (id),
    constraint message_once unique (event_id, recipient_id)
);
