package servicing_test

import (
	"errors"
	"testing"

	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing"
)

// Two refunds of one day are done in the order of their ids: the one that comes
// in second must not push the first beyond what was overpaid.
func TestRefundsOfOneDayGiveBackWhatIsOverpaidOnce(t *testing.T) {
	t.Parallel()
	on := date(t, "2026-02-01")
	for name, ids := range map[string][2]byte{"rising ids": {8, 9}, "falling ids": {9, 8}} {
		for _, paidOff := range []bool{true, false} {
			b := serviced(t, servicing.Product{}, shortTerms(t))
			if paidOff {
				quote, err := b.loan.PayoffQuote(on)
				if err != nil {
					t.Fatal(err)
				}
				b.pay(servicing.Payoff, quote.Total.Minor()+500, on, on)
			} else {
				b.pay(servicing.Normal, b.loan.Outstanding().Total().Minor()+500, on, on)
			}
			after := paidOff
			b.do(servicing.Refund{ID: newID(ids[0]), On: on, Amount: inr(400), AfterPayoff: after}, on)
			second := servicing.Refund{ID: newID(ids[1]), On: on, Amount: inr(101), AfterPayoff: after}
			_, err := b.loan.Do(second, on, b.facts...)
			var fault *servicing.InvalidError
			if !errors.As(err, &fault) || fault.Error() != "amount.amount: must be at most what is overpaid, 1.00 INR" {
				t.Errorf("%s, paid off %t: %v", name, paidOff, err)
			}
			second.Amount = inr(100)
			b.do(second, on)
			if !b.loan.Overpaid.IsZero() || b.loan.Status != servicing.Closed || b.control(ledger.Overpayment) != 0 {
				t.Errorf("%s, paid off %t: overpaid %s, %s", name, paidOff, b.loan.Overpaid, b.loan.Status)
			}
		}
	}
}

// A refund that counts from before another one leaves that its money.
func TestALateRefundLeavesWhatWasRefundedAfterIt(t *testing.T) {
	t.Parallel()
	b := serviced(t, servicing.Product{}, shortTerms(t))
	paid, refunded := date(t, "2026-02-01"), date(t, "2026-02-20")
	b.pay(servicing.Normal, b.loan.Outstanding().Total().Minor()+500, paid, paid)
	b.do(servicing.Refund{ID: newID(5), On: refunded, Amount: inr(500)}, refunded)
	late := servicing.Refund{ID: newID(6), On: date(t, "2026-02-10"), Amount: inr(1)}
	if _, err := b.loan.Do(late, refunded, b.facts...); !errors.Is(err, servicing.ErrInvalid) {
		t.Fatalf("a late refund of what was given back: %v", err)
	}
}
