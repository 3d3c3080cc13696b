package ledgerdb

import (
	"context"
	"time"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// VerifyTx verifies what a transaction sees, its own changes included, so that
// tests can tamper and roll back.
func VerifyTx(ctx context.Context, tx database.Tx, kept *ChainHead) (Verified, error) {
	return verify(kept, func(fn func(ctx context.Context, tx database.Tx) error) error { return fn(ctx, tx) })
}

// SealShaped seals one step with blocks of so many lines and batches, and a
// sample of one entry in so many.
func SealShaped(ctx context.Context, tx database.Tx, lines, batches, sample int64) (int, ChainHead, error) {
	return seal(ctx, tx, shape{lines: lines, batches: batches, sample: sample})
}

// AccountHash is what the row of an account without metadata carries.
func AccountHash(a ledger.Account, created time.Time) []byte { return accountHash(a, "{}", created) }
