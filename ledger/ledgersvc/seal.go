package ledgersvc

import (
	"context"
	"time"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

const (
	// sealPause is how long a committed batch waits for its seal at most,
	// beside the time that sealing takes.
	sealPause = 500 * time.Millisecond
	// sealBackoff is the pause after a failure.
	sealBackoff = 5 * time.Second
)

// seal appends what was posted to the chain until ctx ends. Several processes
// may do so at once; the database lets one of them win each step.
func (s *Service) seal(ctx context.Context) error {
	for {
		pause := sealPause
		_, err := ledgerdb.SealAll(ctx, s.env.DB)
		if err != nil && ctx.Err() == nil {
			pause = sealBackoff
			s.env.Log.WarnContext(ctx, "cannot seal the journal", "error", err, "unavailable", database.IsUnavailable(err))
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}
