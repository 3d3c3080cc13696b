package platform

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

const (
	eventsLimit = 2 * time.Minute
	eventsLook  = 100 * time.Millisecond
	// loansRead bounds the loans that are read at once.
	loansRead = 1_000
)

// paidLoans are loans with the amount that each payment of them has, and how
// often each was paid.
type paidLoans struct {
	list  []made
	times []atomic.Int64
	// instalments says that the amount is the whole instalment.
	instalments bool
}

func newPaidLoans(list []made) *paidLoans {
	return &paidLoans{list: list, times: make([]atomic.Int64, len(list))}
}

// at returns the place of the loan of the n-th payment.
func (l *paidLoans) at(n int64) int { return int(n % int64(len(l.list))) }

// acknowledged sums the payments that were acknowledged, and counts the loans
// that were paid more than once.
func (l *paidLoans) acknowledged() (sum paymentTotals, again int) {
	for i := range l.times {
		times := l.times[i].Load()
		sum.count += times
		sum.volume += times * l.list[i].due.Minor()
		if times > 1 {
			again++
		}
	}
	return sum, again
}

// settle reports what the payments since the two looks have cost, once all of
// them are announced, and checks what became of them.
func (p *platform) settle(
	ctx context.Context, b *harness.Bench, was gauge, before paymentTotals, loans *paidLoans,
) error {
	announced, err := p.published(ctx)
	if err != nil {
		return err
	}
	is, err := p.look(ctx)
	if err != nil {
		return err
	}
	posted, again := loans.acknowledged()
	was.report(b, is, posted.count)
	if loans.instalments && again > 0 {
		b.Note("%d loans were too few: %d of them paid a further instalment, in advance", len(loans.list), again)
	}
	const each = 2 // received and verified; what else happens meanwhile announces more
	if err := b.Check(announced-before.events >= each*posted.count,
		"each payment is announced twice and published (%d events)", announced-before.events); err != nil {
		return err
	}
	return p.checkPayments(ctx, b, before, posted, loans)
}

// checkPayments holds that the acknowledged payments are stored, on their loans,
// and in the books.
func (p *platform) checkPayments(
	ctx context.Context, b *harness.Bench, before, posted paymentTotals, loans *paidLoans,
) error {
	after, err := p.payments(ctx)
	if err != nil {
		return err
	}
	if err := b.Check(after.count-before.count == posted.count && after.volume-before.volume == posted.volume,
		"the %d acknowledged payments are stored, of %s", posted.count, money.New(posted.volume, currency)); err != nil {
		return err
	}
	if err := p.checkLoans(ctx, b, loans); err != nil {
		return err
	}
	return p.booksBalance(ctx, b)
}

// checkLoans holds that each loan that was paid has all that was acknowledged,
// and that nothing is due of one whose instalment that was.
func (p *platform) checkLoans(ctx context.Context, b *harness.Bench, loans *paidLoans) error {
	paid := make(map[uuid.UUID]int, len(loans.list))
	for i := range loans.list {
		if loans.times[i].Load() > 0 {
			paid[loans.list[i].id] = i
		}
	}
	right := 0
	for ids := range slices.Chunk(slices.Collect(maps.Keys(paid)), loansRead) {
		var stored []servicing.Loan
		err := database.InReadTx(ctx, p.core, func(tx database.Tx) error {
			var err error
			stored, err = loandb.Load(ctx, tx, ids)
			return err
		})
		if err != nil {
			return err
		}
		for i := range stored {
			if loans.fits(paid[stored[i].ID], &stored[i]) {
				right++
			}
		}
	}
	text := "of the %d loans that were paid, %d have what was acknowledged"
	if loans.instalments {
		text += ", and their instalment is paid"
	}
	return b.Check(right == len(paid), text, len(paid), right)
}

// fits tells whether the loan at the place is as its payments should leave it.
func (l *paidLoans) fits(at int, loan *servicing.Loan) bool {
	amount, sum := l.list[at].due.Minor(), loan.Overpaid.Minor()
	for i := range loan.Instalments {
		sum += loan.Instalments[i].Paid.Total().Minor()
	}
	if sum != l.times[at].Load()*amount {
		return false
	}
	first := &loan.Instalments[0]
	return !l.instalments || first.Paid.Total().Minor() == amount && loan.DueNow(first.Due).Total().IsZero()
}

// published waits until the outbox is empty and counts all events so far.
func (p *platform) published(ctx context.Context) (int64, error) {
	deadline := time.Now().Add(eventsLimit)
	for {
		announced, unpublished, err := p.events(ctx)
		if err != nil || unpublished == 0 {
			return announced, err
		}
		if time.Now().After(deadline) {
			return 0, errors.New("events are still unpublished")
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(eventsLook):
		}
	}
}
