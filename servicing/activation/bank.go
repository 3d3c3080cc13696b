package activation

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tenor-lending/tenor/internal/database"
)

// simulatedBank is a payout channel for demonstrations and tests. It takes its
// time, refuses a share of the attempts, loses a share of its own answers so
// that it is sent the same order again, and remembers in its own table what it
// paid, as a bank does: an order is paid once however often it comes.
type simulatedBank struct {
	db                       *database.DB
	now                      func() time.Time
	delay                    time.Duration
	failPercent, losePercent int
}

// errLost is what a caller notices of an answer that was lost.
var errLost = errors.New("simulated bank: no answer")

// Pay implements PayoutChannel.
func (b *simulatedBank) Pay(ctx context.Context, order PayoutOrder) (Receipt, error) {
	answer := b.PayAll(ctx, []PayoutOrder{order})[0]
	return answer.Receipt, answer.Err
}

// PayAll implements BatchPayoutChannel.
func (b *simulatedBank) PayAll(ctx context.Context, orders []PayoutOrder) []Answer {
	answers := make([]Answer, len(orders))
	err := b.wait(ctx)
	if err == nil {
		err = database.InTx(ctx, b.db, func(tx database.Tx) error {
			paid, err := paidBySimulation(ctx, tx, orders)
			if err != nil {
				return err
			}
			for i, order := range orders {
				answers[i] = Answer{Receipt: Receipt{Reference: "SIM-" + strings.ToUpper(order.ID.String()[:13])}}
				if !paid[order.ID] && b.drawn("refuse", order) < b.failPercent {
					answers[i] = Answer{Err: fmt.Errorf("%w: the simulated bank refuses attempt %d", ErrRefused, order.Attempt)}
				}
			}
			return payBySimulation(ctx, tx, b.now().UTC().Truncate(time.Microsecond), orders, answers)
		})
	}
	for i, order := range orders {
		if err != nil {
			answers[i] = Answer{Err: err}
		} else if b.drawn("lose", order) < b.losePercent {
			answers[i] = Answer{Err: errLost}
		}
	}
	return answers
}

func (b *simulatedBank) wait(ctx context.Context) error {
	timer := time.NewTimer(b.delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("simulated bank: %w", context.Cause(ctx))
	case <-timer.C:
		return nil
	}
}

// drawn is a number from 0 to 99 that the order's id and the attempt decide, so
// that a test can repeat it.
func (b *simulatedBank) drawn(what string, order PayoutOrder) int {
	const percent = 100
	sum := sha256.Sum256([]byte(what + order.ID.String() + strconv.Itoa(order.Attempt)))
	return int(binary.BigEndian.Uint64(sum[:8]) % percent)
}
