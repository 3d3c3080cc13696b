package payer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
	"github.com/tenor-lending/tenor/bench/faults/verdict"
)

// AttemptsKept bounds the attempts at a payment that are told apart: more count as so
// many.
const AttemptsKept = 16

const (
	pauseMax     = time.Second // between two attempts at a payment
	loanTries    = 20          // for one that owes something
	twinsMin     = 2
	twinsMax     = 64
	reuseTries   = 10
	paymentMin   = 100 // minor units
	paymentMax   = 50_000
	hundred      = 100
	lostAfterMax = 25 * time.Millisecond
)

// Shares of the ways to pay, in percent; the rest pays plainly.
const (
	shareTwins  = 3
	shareReused = 3
	shareLost   = 6
)

// Workload makes loans, pays them and keeps the journal.
type Workload struct {
	gate    *Gate
	journal *verdict.Journal
	seed    uint64
	next    atomic.Int64

	// Acked and Refused are payments with a definite answer, Open those without;
	// Replays are answers from the platform's memory of a key, and Unclassified
	// answers that no client should see.
	Acked, Refused, Open, Replays, Unclassified atomic.Int64
	// Twins are payments that were sent several times at once, Reused those whose key
	// was used once more, Lost those whose first answer nobody read.
	Twins, Reused, Lost atomic.Int64
	// Attempts count the payments by how often they were sent until there was a
	// definite answer.
	Attempts [AttemptsKept + 1]atomic.Int64

	mu    sync.RWMutex
	loans []*Loan
	odd   map[string]int64
}

// NewWorkload returns a workload without loans. The same seed makes the same choices.
func NewWorkload(gate *Gate, journal *verdict.Journal, seed uint64) *Workload {
	return &Workload{gate: gate, journal: journal, seed: seed, odd: map[string]int64{}}
}

// Loans are the loans that were made until now.
func (w *Workload) Loans() []*Loan {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.Clone(w.loans)
}

// Odd counts the answers that no client should see, by what they say.
func (w *Workload) Odd() map[string]int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return maps.Clone(w.odd)
}

// dice are the random choices of payment number n: the same for the same seed.
func (w *Workload) dice(n int64) *rand.Rand {
	return rand.New(rand.NewPCG(w.seed, uint64(n))) //nolint:gosec // repeatable, not secret
}

// Op makes one payment in one of the many ways. It returns when the outcome is known;
// that it is not is no error, for it is in the journal.
func (w *Workload) Op(ctx context.Context, _ int64) error {
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
		err = w.payDeaf(ctx, p, rand.N(lostAfterMax)) //nolint:gosec // as above
	default:
		err = w.pay(ctx, p)
	}
	if errors.Is(err, ErrGaveUp) {
		return nil // it is in the journal, and is settled after the faults
	}
	return err
}

// payment is a payment to be made.
type payment struct {
	n     int64
	loan  *Loan
	minor int64
	key   string
	body  []byte
	told  string // the id that an earlier answer gave it
}

func (w *Workload) newPayment(n int64, dice *rand.Rand) payment {
	w.mu.RLock()
	l := w.loans[dice.IntN(len(w.loans))]
	for range loanTries { // now and then a loan that is repaid is paid
		if l.done.Load() && dice.IntN(hundred) > 0 {
			l = w.loans[dice.IntN(len(w.loans))]
		}
	}
	w.mu.RUnlock()
	p := payment{n: n, loan: l, minor: paymentMin + dice.Int64N(paymentMax-paymentMin), key: uuid.NewString()}
	p.body = paymentBody(l.ID, p.minor, verdict.Reference(n))
	return p
}

func paymentBody(loan uuid.UUID, minor int64, reference string) []byte {
	body, err := json.Marshal(map[string]any{
		"loan_id": loan, "amount": verdict.MoneyOf(minor),
		"kind": "NORMAL", "channel": "BANK_TRANSFER", "reference": reference,
	})
	if err != nil { // strings and numbers always encode
		panic(err)
	}
	return body
}

func (w *Workload) intend(p payment) error {
	return w.note(verdict.Line{
		Kind: verdict.LineIntent, N: p.n, Loan: p.loan.ID.String(), Minor: p.minor, Key: p.key,
	})
}

// note returns when the line is on disk, with the time.
func (w *Workload) note(l verdict.Line) error {
	l.At = time.Now()
	return w.journal.Note(l)
}

// pay notes a payment and insists on it.
func (w *Workload) pay(ctx context.Context, p payment) error {
	if err := w.intend(p); err != nil {
		return err
	}
	return w.insist(ctx, p)
}

func (w *Workload) post(ctx context.Context, replica int64, p payment) (Answer, error) {
	return w.gate.Send(ctx, Request{
		Who: AsPartner, Method: http.MethodPost, Path: "/api/v1/payments", Port: fleet.PortRepayment, Key: p.key,
		Body: p.body, Replica: replica,
	})
}

// PayOnce sends a new payment once, to the first replica. Settle insists on the same
// payment; it is nil if the payment was not sent.
func (w *Workload) PayOnce(
	ctx context.Context, dice *rand.Rand,
) (a Answer, settle func(context.Context) error, err error) {
	p := w.newPayment(w.next.Add(1), dice)
	if err := w.intend(p); err != nil {
		return Answer{}, nil, err
	}
	a, err = w.post(ctx, 0, p)
	p.told = a.booked().ID
	return a, func(ctx context.Context) error { return w.insist(ctx, p) }, err
}

// PayAgain sends a payment of an earlier journal once more, with its key, and insists.
func (w *Workload) PayAgain(ctx context.Context, l *Loan, i *verdict.Intent) error {
	return w.pay(ctx, payment{
		n: i.N, loan: l, minor: i.Minor, key: i.Key, body: paymentBody(l.ID, i.Minor, verdict.Reference(i.N)),
	})
}

// insist sends a payment until there is a definite answer, with the same key.
func (w *Workload) insist(ctx context.Context, p payment) error {
	ctx, cancel := context.WithTimeout(ctx, insistLimit)
	defer cancel()
	pause := pauseFirst
	for attempt := int64(0); ; attempt++ {
		a, err := w.post(ctx, p.n+attempt, p)
		if err == nil && !a.Later() {
			w.Attempts[min(attempt+1, AttemptsKept)].Add(1)
			return w.settled(p, a)
		}
		if err == nil {
			w.look(a)
		}
		select {
		case <-ctx.Done():
			w.Open.Add(1)
			return errors.Join(ErrGaveUp, w.note(verdict.Line{Kind: verdict.LineOpen, N: p.n}))
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // spreading load
		}
		pause = min(2*pause, pauseMax)
	}
}

// look counts answers for which the platform has no word.
func (w *Workload) look(a Answer) {
	if a.Status == http.StatusServiceUnavailable || a.Status == http.StatusTooManyRequests ||
		a.Status == http.StatusConflict {
		return
	}
	w.Unclassified.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.odd[fmt.Sprintf("%d %s", a.Status, a.Kind)]++
}

// bookedPayment is a yes to a payment.
type bookedPayment struct {
	ID     string `json:"payment_id"`
	Status string `json:"status"`
	Loan   string `json:"loan_status"`
}

// booked reads a yes; it is zero for any other answer.
func (a Answer) booked() (made bookedPayment) {
	if a.Status != http.StatusCreated && a.Status != http.StatusOK || json.Unmarshal(a.Body, &made) != nil {
		return bookedPayment{}
	}
	return made
}

// settled writes a definite answer down before it counts.
func (w *Workload) settled(p payment, a Answer) error {
	if a.Replayed {
		w.Replays.Add(1)
	}
	if a.Status != http.StatusCreated && a.Status != http.StatusOK {
		if a.Kind == "loan-not-active" {
			p.loan.done.Store(true)
		}
		if err := w.note(verdict.Line{Kind: verdict.LineRefused, N: p.n, Status: a.Status}); err != nil {
			return err
		}
		w.Refused.Add(1)
		if a.Kind != "loan-not-active" {
			return fmt.Errorf("payment %d was refused: %d %s: %s", p.n, a.Status, a.Kind, a.Detail)
		}
		return nil
	}
	made := a.booked()
	if made.Status != "POSTED" {
		return fmt.Errorf("payment %d: answer %d %q", p.n, a.Status, a.Body)
	}
	if p.told != "" && p.told != made.ID {
		w.gate.fleet.Blame("I2", "payment %d was acknowledged as %s, and its key tells of %s", p.n, p.told, made.ID)
	}
	if made.Loan == "CLOSED" || made.Loan == "REPAID" {
		p.loan.done.Store(true)
	}
	if err := w.note(verdict.Line{Kind: verdict.LineAcked, N: p.n, Payment: made.ID}); err != nil {
		return err
	}
	w.Acked.Add(1)
	return nil
}

// payTwins sends the same payment several times at once, and then insists.
func (w *Workload) payTwins(ctx context.Context, p payment, count int) error {
	w.Twins.Add(1)
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
			if err := w.note(verdict.Line{Kind: verdict.LineAcked, N: p.n, Payment: id}); err != nil {
				return err
			}
		}
	}
	return w.insist(ctx, p)
}

// payAndReuse pays, and then sends another payment with the same key, which must
// be told so and have no effect.
func (w *Workload) payAndReuse(ctx context.Context, p payment) error {
	w.Reused.Add(1)
	if err := w.pay(ctx, p); err != nil {
		return err
	}
	other := p
	other.body = paymentBody(p.loan.ID, p.minor+1, verdict.Reference(p.n))
	for attempt := range int64(reuseTries) {
		a, err := w.post(ctx, attempt, other)
		if err != nil || a.Later() {
			time.Sleep(pauseFirst)
			continue
		}
		if a.Status != http.StatusUnprocessableEntity && a.Kind != "loan-not-active" {
			w.gate.fleet.Blame("I3", "payment %d: its key with another amount was answered %d %s, want 422", p.n, a.Status,
				a.Kind)
		}
		return nil
	}
	return nil // the platform is disturbed; others ask the same
}

// payDeaf hangs up before the answer can be read, and then insists.
func (w *Workload) payDeaf(ctx context.Context, p payment, after time.Duration) error {
	w.Lost.Add(1)
	if err := w.intend(p); err != nil {
		return err
	}
	deaf, cancel := context.WithTimeout(ctx, after)
	_, _ = w.post(deaf, p.n, p) // nobody hears it
	cancel()
	return w.insist(ctx, p)
}
