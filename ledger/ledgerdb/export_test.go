package ledgerdb

import (
	"context"

	"github.com/tenor-lending/tenor/internal/database"
)

// VerifyTx verifies what a transaction sees, its own changes included, so that
// tests can tamper and roll back.
func VerifyTx(ctx context.Context, tx database.Tx, kept *ChainHead) (Verified, error) {
	return verify(kept, func(fn func(ctx context.Context, tx database.Tx) error) error { return fn(ctx, tx) })
}
