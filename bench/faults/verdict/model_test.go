package verdict

import (
	"math/rand/v2"
	"testing"

	"cloud.google.com/go/civil"
)

// TestLatePaymentsTakeTheirPlace books a payment of the first day after one of the
// second: it may be divided as the last, or as if it had come in time.
func TestLatePaymentsTakeTheirPlace(t *testing.T) {
	t.Parallel()
	day := civil.Date{Year: 2026, Month: 1, Day: 15}
	plan, err := DrawSchedule(rand.New(rand.NewPCG(3, 4)), day)
	if err != nil {
		t.Fatal(err)
	}
	const minor, other = 30_000, 70_000
	inTime := newLoanModel(plan)
	first, second := inTime.pay(minor), inTime.pay(other)
	inOrder := newLoanModel(plan)
	alone, last := inOrder.pay(other), inOrder.pay(minor)
	if first == last {
		t.Fatal("the amounts show no difference: choose others")
	}
	for name, c := range map[string]struct {
		split split
		wrong int
	}{"in its place": {first, 0}, "as the last": {last, 0}, "as another": {second, 1}} {
		m := newLoanModel(plan)
		faults := m.replay("l", []booked{
			{id: "b", minor: other, split: alone, on: day.AddDays(1)}, {id: "a", minor: minor, split: c.split, on: day},
		})
		if len(faults) != c.wrong {
			t.Errorf("divided %s: %v", name, faults)
		}
		if m.open() != inTime.open() || m.paid != inTime.paid {
			t.Errorf("divided %s: it owes %d after %+v, in time %d after %+v", name, m.open(), m.paid, inTime.open(),
				inTime.paid)
		}
	}
}
