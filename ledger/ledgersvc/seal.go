package ledgersvc

import (
	"context"
	"time"

	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

const (
	// sealPause is how long a committed batch waits for its seal at most,
	// beside the time that sealing takes.
	sealPause = 500 * time.Millisecond
	// failurePause is the pause of a task after a failure.
	failurePause = 5 * time.Second
)

// seal appends what was posted to the chain until ctx ends. Several processes
// may do so at once; the database lets one of them win each step.
func (s *Service) seal(ctx context.Context) error {
	return s.every(ctx, "seal the journal", sealPause, func() error {
		_, err := ledgerdb.SealAll(ctx, s.env.DB)
		return err
	})
}

// every runs step with a pause after each until ctx ends. A failure is logged
// and step tried again later.
func (s *Service) every(ctx context.Context, what string, pause time.Duration, step func() error) error {
	for {
		next := pause
		if err := step(); err != nil && ctx.Err() == nil {
			next = failurePause
			s.env.Log.WarnContext(ctx, "cannot "+what, "error", err)
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}
