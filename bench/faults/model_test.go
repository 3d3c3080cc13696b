package faults

import (
	"math/rand/v2"
	"testing"

	"cloud.google.com/go/civil"
)

// TestLatePaymentsCountFromTheirDate books a payment of the first day after one
// of the second: it takes the place that it would have had.
func TestLatePaymentsCountFromTheirDate(t *testing.T) {
	t.Parallel()
	day := civil.Date{Year: 2026, Month: 1, Day: 15}
	l, err := newLoan(rand.New(rand.NewPCG(3, 4)), day)
	if err != nil {
		t.Fatal(err)
	}
	inTime := newLoanModel(l.schedule)
	first, second := inTime.pay(30_000), inTime.pay(70_000)
	late := newLoanModel(l.schedule)
	alone := late.pay(70_000)
	m := newLoanModel(l.schedule)
	faults := m.replay("l", []booked{
		{id: "second", minor: 70_000, split: alone, on: day.AddDays(1)}, {id: "first", minor: 30_000, split: first, on: day},
	})
	if len(faults) > 0 {
		t.Errorf("the late payment: %v", faults)
	}
	if m.open() != inTime.open() || m.paid != inTime.paid {
		t.Errorf("it owes %d after %+v, in time %d after %+v", m.open(), m.paid, inTime.open(), inTime.paid)
	}
	if first == second || alone == second {
		t.Error("the amounts show no difference: choose others")
	}
	faults = newLoanModel(l.schedule).replay("l", []booked{{id: "x", minor: 5, split: second, on: day}})
	if len(faults) != 1 {
		t.Errorf("a wrong split: %v", faults)
	}
}
