package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	ours "github.com/tenor-lending/tenor/internal/money"
)

const (
	pauseFirst = 40 * time.Millisecond
	pauseLimit = time.Second
	// payLimit is how long a client insists on an answer.
	payLimit       = 90 * time.Second
	attemptsKept   = 16
	loanTries      = 20 // for one that owes something
	twinsMin       = 2
	twinsMax       = 64
	paymentMin     = 100
	paymentMax     = 50_000
	hundred        = 100
	lostAfterLimit = 25 * time.Millisecond
)

var currency = ours.MustCurrency("INR")

// Shares of the ways to pay, in percent; the rest pays plainly.
const (
	shareTwins  = 3
	shareReused = 3
	shareLost   = 6
)

// loan is a loan of the drill.
type loan struct {
	id, application, customer uuid.UUID
	schedule                  *amortization.Schedule
	agreement                 uuid.UUID
	done                      atomic.Bool // the platform said that nothing is owed any more
}

// workload pays loans and keeps the journal.
type workload struct {
	gate    *gate
	journal *journal
	seed    uint64
	next    atomic.Int64

	acked, refused, open, unclassified, replays atomic.Int64
	twins, reused, lost                         atomic.Int64
	attempts                                    [attemptsKept + 1]atomic.Int64

	mu    sync.RWMutex
	loans []*loan
	odd   map[string]int64 // answers that no client should see
}

// dice are the random choices of payment number n: the same for the same seed.
func (w *workload) dice(n int64) *rand.Rand {
	return rand.New(rand.NewPCG(w.seed, uint64(n))) //nolint:gosec // repeatable, not secret
}

// op is one operation of the open loop.
func (w *workload) op(ctx context.Context, _ int64) error {
	n := w.next.Add(1)
	dice := w.dice(n)
	p := w.newPayment(n, dice)
	way := dice.IntN(hundred)
	var err error
	switch {
	case way < shareTwins:
		err = w.payTwins(ctx, p, twinsMin+dice.IntN(twinsMax-twinsMin+1))
	case way < shareTwins+shareReused:
		err = w.payAndReuse(ctx, p)
	case way < shareTwins+shareReused+shareLost:
		err = w.payDeaf(ctx, p, rand.N(lostAfterLimit)) //nolint:gosec // as above
	default:
		err = w.pay(ctx, p)
	}
	if errors.Is(err, errGaveUp) {
		return nil // it is in the journal, and is settled after the faults
	}
	return err
}

// payment is a payment to be made.
type payment struct {
	n     int64
	loan  *loan
	minor int64
	key   string
	body  []byte
	told  string // the id that an earlier answer gave it
}

func (w *workload) newPayment(n int64, dice *rand.Rand) payment {
	w.mu.RLock()
	l := w.loans[dice.IntN(len(w.loans))]
	for range loanTries { // now and then a loan that is repaid is paid
		if l.done.Load() && dice.IntN(hundred) > 0 {
			l = w.loans[dice.IntN(len(w.loans))]
		}
	}
	w.mu.RUnlock()
	p := payment{n: n, loan: l, minor: paymentMin + dice.Int64N(paymentMax-paymentMin), key: uuid.NewString()}
	p.body = paymentBody(l.id, p.minor, reference(n))
	return p
}

// reference ties a payment to its line of the journal.
func reference(n int64) string { return fmt.Sprintf("drill %d", n) }

func paymentBody(loan uuid.UUID, minor int64, reference string) []byte {
	body, err := json.Marshal(map[string]any{
		"loan_id": loan, "amount": money{Amount: ours.New(minor, currency).Text(), Currency: currency.Code()},
		"kind": "NORMAL", "channel": "BANK_TRANSFER", "reference": reference,
	})
	if err != nil { // strings and numbers always encode
		panic(err)
	}
	return body
}

func (w *workload) intend(p payment) error {
	return w.journal.note(line{
		Kind: lineIntent, N: p.n, At: time.Now(), Loan: p.loan.id.String(), Minor: p.minor, Key: p.key,
	})
}

// pay sends a payment until there is a definite answer, with the same key.
func (w *workload) pay(ctx context.Context, p payment) error {
	if err := w.intend(p); err != nil {
		return err
	}
	return w.insist(ctx, p)
}

func (w *workload) post(ctx context.Context, replica int64, p payment) (answer, error) {
	return w.gate.send(ctx, replica, request{
		who: asPartner, method: http.MethodPost, path: "/api/v1/payments", key: p.key, port: portRepayment, body: p.body,
	})
}

func (w *workload) insist(ctx context.Context, p payment) error {
	ctx, cancel := context.WithTimeout(ctx, payLimit)
	defer cancel()
	pause := pauseFirst
	for attempt := int64(0); ; attempt++ {
		a, err := w.post(ctx, p.n+attempt, p)
		if err == nil && !a.later() {
			w.attempts[min(attempt+1, attemptsKept)].Add(1)
			return w.settled(p, a)
		}
		if err == nil {
			w.look(a)
		}
		select {
		case <-ctx.Done():
			w.open.Add(1)
			return errors.Join(errGaveUp, w.journal.note(line{Kind: lineOpen, N: p.n, At: time.Now()}))
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // spreading load
		}
		pause = min(2*pause, pauseLimit)
	}
}

// look counts answers for which the platform has no word.
func (w *workload) look(a answer) {
	if a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests ||
		a.status == http.StatusConflict {
		return
	}
	w.unclassified.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.odd == nil {
		w.odd = map[string]int64{}
	}
	w.odd[fmt.Sprintf("%d %s", a.status, a.kind)]++
}

// bookedPayment is a yes to a payment.
type bookedPayment struct {
	ID     string `json:"payment_id"`
	Status string `json:"status"`
	Loan   string `json:"loan_status"`
}

// booked reads a yes; it is zero for any other answer.
func (a answer) booked() (made bookedPayment) {
	if a.status != http.StatusCreated && a.status != http.StatusOK || json.Unmarshal(a.body, &made) != nil {
		return bookedPayment{}
	}
	return made
}

// settled writes a definite answer down before it counts.
func (w *workload) settled(p payment, a answer) error {
	if a.replayed {
		w.replays.Add(1)
	}
	if a.status != http.StatusCreated && a.status != http.StatusOK {
		if a.kind == "loan-not-active" {
			p.loan.done.Store(true)
		}
		if err := w.journal.note(line{Kind: lineRefused, N: p.n, At: time.Now(), Status: a.status}); err != nil {
			return err
		}
		w.refused.Add(1)
		if a.kind != "loan-not-active" {
			return fmt.Errorf("payment %d was refused: %d %s: %s", p.n, a.status, a.kind, a.detail)
		}
		return nil
	}
	made := a.booked()
	if made.Status != "POSTED" {
		return fmt.Errorf("payment %d: answer %d %q", p.n, a.status, a.body)
	}
	if p.told != "" && p.told != made.ID {
		w.gate.fleet.blame("I2", "payment %d was acknowledged as %s, and its key tells of %s", p.n, p.told, made.ID)
	}
	if made.Loan == "CLOSED" || made.Loan == "REPAID" {
		p.loan.done.Store(true)
	}
	if err := w.journal.note(line{Kind: lineAcked, N: p.n, At: time.Now(), Payment: made.ID}); err != nil {
		return err
	}
	w.acked.Add(1)
	return nil
}

// payTwins sends the same payment several times at once, and then insists.
func (w *workload) payTwins(ctx context.Context, p payment, count int) error {
	w.twins.Add(1)
	if err := w.intend(p); err != nil {
		return err
	}
	ids := make([]string, count)
	var group sync.WaitGroup
	for i := range count {
		group.Go(func() {
			if a, err := w.post(ctx, int64(i), p); err == nil {
				ids[i] = a.booked().ID
			}
		})
	}
	group.Wait()
	for _, id := range ids { // each yes counts: they must all name one payment
		if id != "" {
			if err := w.journal.note(line{Kind: lineAcked, N: p.n, At: time.Now(), Payment: id}); err != nil {
				return err
			}
		}
	}
	return w.insist(ctx, p)
}

// payAndReuse pays, and then sends another payment with the same key, which must
// be told so and have no effect.
func (w *workload) payAndReuse(ctx context.Context, p payment) error {
	w.reused.Add(1)
	if err := w.pay(ctx, p); err != nil {
		return err
	}
	other := p
	other.body = paymentBody(p.loan.id, p.minor+1, reference(p.n))
	for attempt := range int64(10) {
		a, err := w.post(ctx, attempt, other)
		if err != nil || a.later() {
			time.Sleep(pauseFirst)
			continue
		}
		if a.status != http.StatusUnprocessableEntity && a.kind != "loan-not-active" {
			w.gate.fleet.blame("I3", "payment %d: its key with another amount was answered %d %s, want 422", p.n, a.status,
				a.kind)
		}
		return nil
	}
	return nil // the platform is disturbed; others ask the same
}

// payDeaf hangs up before the answer can be read, and then insists.
func (w *workload) payDeaf(ctx context.Context, p payment, after time.Duration) error {
	w.lost.Add(1)
	if err := w.intend(p); err != nil {
		return err
	}
	deaf, cancel := context.WithTimeout(ctx, after)
	_, _ = w.post(deaf, p.n, p) // nobody hears it
	cancel()
	return w.insist(ctx, p)
}

// newLoan draws the terms of a loan. Its first due date is within a month.
func newLoan(dice *rand.Rand, business civil.Date) (*loan, error) {
	principal := 300_000 + dice.Int64N(9_000_000)
	day := business.AddDays(1 + dice.IntN(28))
	t := amortization.Terms{
		Principal: ours.New(principal, currency), AnnualRatePercent: amortization.MustDecimal("15"),
		Instalments: 12 + dice.IntN(13), DisbursementDate: business, FirstDueDate: day,
		Fees: []amortization.Fee{{Name: "processing", Percent: amortization.MustDecimal("1")}},
	}
	s, err := amortization.New(t)
	if err != nil {
		return nil, fmt.Errorf("drawing a loan: %w", err)
	}
	return &loan{schedule: s, application: uuid.New(), customer: uuid.New(), agreement: uuid.New()}, nil
}
