-- +goose NO TRANSACTION
-- +goose Up
-- The history of an account, cut into blocks in the order of recording. A block
-- holds the sealed lines after the block before it and through until_at; no
-- instant is cut in two. The last block ends before the tail, which is summed
-- line by line. The general ledger is cut likewise, with batches as its lines.
-- Blocks are derived from the journal and may be dropped: they come again.
create table if not exists ledger_block (
    owner    uuid        not null,
    until_at timestamptz not null,
    number   bigint      not null,
    lines    bigint      not null,
    constraint ledger_block_pkey primary key (owner, until_at),
    constraint ledger_block_number_unique unique (owner, number)
);
