-- +goose NO TRANSACTION
-- +goose Up
-- The lines of a match.
create index if not exists reconcile_claim_match on reconcile_claim (match_id);
