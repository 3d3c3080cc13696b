package servicing_test

import (
	"errors"
	"flag"
	"fmt"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

// histories is how many histories the fold is checked with; rapid draws 100 at a time.
var histories = flag.Int("histories", 10_000, "histories to check the fold of a loan with")

// often checks a property on many more histories than rapid does by itself.
func often(t *testing.T, histories int, property func(*rapid.T)) {
	t.Helper()
	if testing.Short() {
		histories /= 10
	}
	for i := range max(1, histories/100) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, property)
		})
	}
}

func grown(t *rapid.T, steps int) *world {
	w := newWorld(t)
	for range rapid.IntRange(min(3, steps), steps).Draw(t, "steps") {
		w.step()
	}
	return w
}

// After every step the books are the loan, component by component, cash is what
// came in less what went out, and in the end the fold of the facts is the state.
func TestEveryHistoryIsTheFoldOfItsFacts(t *testing.T) {
	t.Parallel()
	often(t, *histories, func(t *rapid.T) {
		w := grown(t, 12)
		w.principal()
		w.staged()
		w.folded()
	})
}

// The replay law: the same commands with the same dates, in any order of
// arrival, give the same loan and the same books.
func TestTheOrderOfArrivalDoesNotMatter(t *testing.T) {
	t.Parallel()
	often(t, *histories/5, func(t *rapid.T) {
		one := grown(t, 8)
		if len(one.loan.Terms.Tranches) > 0 {
			return
		}
		one.take(one.loan.StartDay(one.business))
		if one.loan.Status == servicing.Pending {
			return
		}
		two := &world{books: emptyBooks(t), business: one.business}
		activated, ok := one.facts[0].(servicing.Activated)
		if !ok {
			t.Fatalf("first fact %T", one.facts[0])
		}
		two.take(servicing.Activate(servicing.Activation{
			LoanID: loanID, ApplicationID: applicationID, CustomerID: customerID, BookID: bookID,
			DisbursementID: disbursementID, Terms: activated.Terms, ScheduleHash: activated.ScheduleHash,
			Allocation: activated.Allocation, Product: activated.Product, On: activated.On,
		}))
		two.take(two.loan.CompleteDisbursement(disbursementID, "bank-1", one.loan.DisbursedOn))
		waiting := rapid.Permutation(one.commands).Draw(t, "arrival")
		for progress := true; progress && len(waiting) > 0; {
			var refused []servicing.Command
			for _, c := range waiting {
				change, err := two.loan.Do(c, two.business, two.facts...)
				if err != nil {
					refused = append(refused, c)
					continue
				}
				two.take(change, nil)
			}
			progress, waiting = len(refused) < len(waiting), refused
		}
		if len(waiting) > 0 {
			t.Skip("a command cannot come in another order")
		}
		two.take(two.loan.StartDay(two.business))
		sameLoan(t, &one.loan, &two.loan)
		for id, balance := range one.balances {
			if two.balances[id] != balance {
				t.Fatalf("account %s has %d in one order and %d in the other", one.accounts[id].Code, balance, two.balances[id])
			}
		}
	})
}

// sameLoan compares all but what counts facts.
func sameLoan(t *rapid.T, want, got *servicing.Loan) {
	ignore := cmpopts.IgnoreFields(servicing.Loan{}, "Version", "PayoutVersion", "Opened")
	if diff := cmp.Diff(*want, *got, ignore, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// Whatever happens, a reversal leaves the loan and every account as if the
// command had never been given, and works once.
func TestAReversalRestores(t *testing.T) {
	t.Parallel()
	often(t, *histories/10, func(t *rapid.T) {
		w := grown(t, 6)
		w.take(w.loan.StartDay(w.business))
		before, balances, commands := w.loan, map[uuid.UUID]int64{}, len(w.targets)
		for id, balance := range w.balances {
			balances[id] = balance
		}
		business := w.business
		w.rareOrPaid()
		if w.business != business || len(w.targets) == commands {
			return
		}
		target := w.targets[commands]
		if !w.try(servicing.Reversal{ID: w.id(), Target: target}) {
			t.Fatalf("the reversal of %s was refused", target)
		}
		sameLoan(t, &before, &w.loan)
		for id, balance := range w.balances {
			if balances[id] != balance {
				t.Fatalf("account %s had %d and has %d", w.accounts[id].Code, balances[id], balance)
			}
		}
		_, err := w.loan.Do(servicing.Reversal{ID: w.id(), Target: target}, w.business, w.facts...)
		if !errors.Is(err, servicing.ErrAlreadyReversed) {
			t.Fatalf("a second reversal: %v", err)
		}
	})
}

// rareOrPaid does one thing on the business date.
func (w *world) rareOrPaid() {
	if rapid.Bool().Draw(w.t, "paid") {
		w.try(w.payment(servicing.Normal))
		return
	}
	w.rare()
}

// A payoff of what is quoted closes the loan at exactly zero, from every state
// that can be reached, and so does a promised quote although more became due.
func TestAQuotePaidInTimeEndsAtZero(t *testing.T) {
	t.Parallel()
	often(t, *histories/5, func(t *rapid.T) {
		w := grown(t, 10)
		if w.loan.Status != servicing.Active {
			return
		}
		on := w.business
		if on.Before(w.loan.LastPaidOn) {
			return
		}
		until := on.AddDays(rapid.IntRange(0, 30).Draw(t, "good for"))
		id := w.id()
		change, err := w.loan.QuotePayoff(id, on, until, w.business, w.facts...)
		w.take(change, err)
		quote := w.loan.Quotes[len(w.loan.Quotes)-1].Payoff
		for range rapid.IntRange(0, 2).Draw(t, "meanwhile") {
			w.meanwhile(until)
		}
		if w.loan.Status != servicing.Active || w.paidOffBefore() {
			return
		}
		w.business = earliest(until, w.business.AddDays(rapid.IntRange(0, 30).Draw(t, "later")))
		change, err = w.loan.Do(servicing.Payment{
			ID: w.id(), Kind: servicing.Payoff, ValueDate: w.business, QuoteID: id,
			Amount: money.New(max(1, quote.Total.Minor()), w.loan.Currency()),
		}, w.business, w.facts...)
		if err != nil {
			t.Fatalf("the payoff of %s was refused: %v", quote.Total, err)
		}
		w.take(change, nil)
		if w.loan.PayoutPending { // it ends with the tranche that was on its way, whatever becomes of that
			w.payOut()
		}
		if w.loan.Status != servicing.Closed || !w.loan.Outstanding().IsZero() || !w.loan.Receivable().IsZero() {
			t.Fatalf("after the payoff of %s: %s, outstanding %+v", quote.Total, w.loan.Status, w.loan.Outstanding())
		}
		w.folded()
	})
}

// paidOffBefore reports whether the loan was paid off before: a payoff that has
// become short comes by its id among those of its day, and a refund that follows
// one may lend what turns out not to be overpaid.
func (w *world) paidOffBefore() bool {
	for _, c := range w.commands {
		switch c := c.(type) {
		case servicing.Refund:
			if c.AfterPayoff {
				return true
			}
		case servicing.Payment:
			if c.Kind == servicing.Payoff {
				return true
			}
		}
	}
	return false
}

func earliest(a, b civil.Date) civil.Date {
	if b.Before(a) {
		return b
	}
	return a
}

// meanwhile lets something become due that a quote did not know of.
func (w *world) meanwhile(until civil.Date) {
	switch rapid.IntRange(0, 2).Draw(w.t, "meanwhile") {
	case 0:
		w.try(servicing.Charge{
			ID: w.id(), On: w.business, Component: amortization.PartPenalty, Amount: w.amount(500), Due: w.business,
		})
	case 1:
		w.try(servicing.Payment{
			ID: w.id(), Kind: servicing.Normal, ValueDate: w.business,
			Amount: w.amount(w.loan.Outstanding().Total().Minor() / 3),
		})
	case 2:
		if next := w.business.AddDays(rapid.IntRange(1, 9).Draw(w.t, "days")); !next.After(until) {
			w.business = next
			w.take(w.loan.StartDay(next))
		}
	}
}

// AttentionOn never lies, whatever the product does: before its date the start
// of a day changes nothing, and on it something changes.
func TestAttentionIsExact(t *testing.T) {
	t.Parallel()
	often(t, *histories/50, func(t *rapid.T) {
		w := grown(t, 6)
		w.take(w.loan.StartDay(w.business))
		on := w.loan.AttentionOn()
		last := w.business.AddDays(200)
		for day := w.business; !day.After(last); day = day.AddDays(1) {
			change, err := w.loan.StartDay(day)
			if err != nil {
				t.Fatalf("day %s: %v", day, err)
			}
			if changes := !on.IsZero() && !day.Before(on); change.Empty() == changes {
				t.Fatalf("attention on %s, and day %s has %d facts", on, day, len(change.Facts))
			}
			if !change.Empty() {
				again, err := change.Loan.StartDay(day)
				if err != nil || !again.Empty() {
					t.Fatalf("day %s again: %d facts, %v", day, len(again.Facts), err)
				}
				return
			}
		}
	})
}

// Days past due, for any day, from what is known now: an oracle that only
// compares what was due with what was paid, oldest first.
func TestDaysPastDueOfAnyDayFollowFromWhatWasPaid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, business := live(t)
		day := b.loan.DisbursedOn.AddDays(rapid.IntRange(0, business.DaysSince(b.loan.DisbursedOn)).Draw(t, "as of"))
		paid := int64(0)
		for _, f := range b.facts {
			if p, ok := f.(servicing.Paid); ok && p.On.Before(day) {
				paid += p.Amount.Minor()
			}
		}
		want := 0
		if b.loan.Allocation.Processing == amortization.Vertical {
			t.Skip("the oracle goes by instalment")
		}
		for i := range b.loan.Instalments {
			row := &b.loan.Instalments[i]
			paid -= row.Charged.Total().Minor()
			if paid < 0 && row.Due.Before(day) {
				want = day.DaysSince(row.Due)
				break
			}
		}
		got, err := servicing.DaysPastDueAsOf(b.facts, day)
		if err != nil || got != want {
			t.Fatalf("%d days past due on %s, want %d: %v", got, day, want, err)
		}
	})
}
