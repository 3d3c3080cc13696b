package activation

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tenor-lending/tenor/internal/database"
)

// simulatedBank is a payout channel for demonstrations and tests. It takes its
// time, refuses a share of the attempts, and remembers in its own table what it
// paid, as a bank does: an order is paid once although the asking process died.
type simulatedBank struct {
	db          *database.DB
	now         func() time.Time
	delay       time.Duration
	failPercent int
}

// Pay implements PayoutChannel.
func (b *simulatedBank) Pay(ctx context.Context, order PayoutOrder) (Receipt, error) {
	timer := time.NewTimer(b.delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("simulated bank: %w", context.Cause(ctx))
	case <-timer.C:
	}
	receipt := Receipt{Reference: "SIM-" + strings.ToUpper(order.ID.String()[:13])}
	err := database.InTx(ctx, b.db, func(tx database.Tx) error {
		paid, err := paidBySimulation(ctx, tx, order.ID)
		if err != nil || paid {
			return err
		}
		if b.refuses(order) {
			return fmt.Errorf("%w: the simulated bank refuses attempt %d", ErrRefused, order.Attempt)
		}
		return paySimulated(ctx, tx, b.now().UTC().Truncate(time.Microsecond), order, receipt.Reference)
	})
	if err != nil {
		return Receipt{}, err
	}
	return receipt, nil
}

// refuses decides by the order's id and the attempt, so that a test can repeat it.
func (b *simulatedBank) refuses(order PayoutOrder) bool {
	sum := sha256.Sum256([]byte(order.ID.String() + strconv.Itoa(order.Attempt)))
	return binary.BigEndian.Uint64(sum[:8])%100 < uint64(b.failPercent) // 0 to 100, checked by config
}
