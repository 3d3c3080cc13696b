package servicing_test

import (
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing"
)

// anyTerms draws terms that give a schedule.
func anyTerms(t *rapid.T) amortization.Terms {
	currency := rapid.SampledFrom([]money.Currency{
		money.MustCurrency("INR"), money.MustCurrency("JPY"), money.MustCurrency("KWD"),
	}).Draw(t, "currency")
	rates := []string{"0", "5", "9.99", "15", "36"}
	terms := amortization.Terms{
		Principal:         money.New(rapid.Int64Range(10_000, 5_000_000).Draw(t, "principal"), currency),
		AnnualRatePercent: amortization.MustDecimal(rapid.SampledFrom(rates).Draw(t, "rate")),
		Method: rapid.SampledFrom([]amortization.Method{
			amortization.Annuity, amortization.EqualPrincipal, amortization.Flat, amortization.Bullet, amortization.InterestOnly,
		}).Draw(t, "method"),
		Instalments:      rapid.IntRange(1, 12).Draw(t, "instalments"),
		DisbursementDate: civil.Date{Year: 2026, Month: 1, Day: rapid.IntRange(1, 31).Draw(t, "day")},
	}
	if rapid.Bool().Draw(t, "upfront") {
		terms.Fees = append(terms.Fees, amortization.Fee{Name: "processing", Amount: money.New(150, currency)},
			amortization.Fee{Name: "insurance", Amount: money.New(70, currency), Payee: amortization.ThirdParty})
	}
	if rapid.Bool().Draw(t, "with instalments") {
		terms.Fees = append(terms.Fees, amortization.Fee{
			Name: "service", Amount: money.New(11, currency), When: amortization.EachInstalment,
		})
	}
	return terms
}

func anyOrder(t *rapid.T) amortization.Order {
	return amortization.Order{
		Processing: rapid.SampledFrom([]amortization.Processing{
			amortization.Horizontal, amortization.Vertical,
		}).Draw(t, "processing"),
		Rules: amortization.ComponentOrder(rapid.Permutation([]amortization.Component{
			amortization.PartPenalty, amortization.PartFee, amortization.PartInterest, amortization.PartPrincipal,
		}).Draw(t, "order")...).Rules,
	}
}

// live draws a history of normal payments and days, and returns the books with
// the business date. Every step checks the ledger against the loan.
func live(t *rapid.T) (*books, civil.Date) {
	terms := anyTerms(t)
	a := activation(t, terms)
	a.Allocation = anyOrder(t)
	b := emptyBooks(t)
	change, err := servicing.Activate(a)
	b.take(change, err)
	b.take(b.loan.CompleteDisbursement(disbursementID, "bank-1", terms.DisbursementDate))
	business := terms.DisbursementDate
	for range rapid.IntRange(0, 10).Draw(t, "steps") {
		if b.loan.Status != servicing.Active {
			break
		}
		if rapid.Bool().Draw(t, "day") {
			business = business.AddDays(rapid.IntRange(1, 40).Draw(t, "days"))
			b.take(b.loan.StartDay(business))
			continue
		}
		late := rapid.IntRange(0, business.DaysSince(b.loan.DisbursedOn)).Draw(t, "late")
		minor := rapid.Int64Range(1, 1+b.loan.Outstanding().Total().Minor()*2/3).Draw(t, "amount")
		b.pay(servicing.Normal, minor, business.AddDays(-late), business)
	}
	return b, business
}

func TestEveryHistoryKeepsTheBooksAndEndsAtZero(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, business := live(t)
		conserved(t, b)
		if b.loan.Status != servicing.Active {
			return
		}
		first := b.loan.DisbursedOn
		if b.loan.LastPaidOn.After(first) {
			first = b.loan.LastPaidOn
		}
		day := first.AddDays(rapid.IntRange(0, business.DaysSince(first)).Draw(t, "payoff day"))
		quote, err := b.loan.PayoffQuote(day)
		if err != nil {
			t.Fatalf("quote: %v", err)
		}
		extra := rapid.Int64Range(0, 3).Draw(t, "extra")
		before := b.loan.Overpaid.Minor()
		b.pay(servicing.Payoff, max(1, quote.Total.Minor()+extra), day, business)
		if b.loan.Status != servicing.Closed || !b.loan.Outstanding().IsZero() || !b.loan.Receivable().IsZero() {
			t.Fatalf("after the payoff of %s: %s, outstanding %+v", quote.Total, b.loan.Status, b.loan.Outstanding())
		}
		if extra == 0 && quote.Total.IsPositive() && b.loan.Overpaid.Minor() != before {
			t.Fatalf("the exact payoff overpaid %s", b.loan.Overpaid)
		}
		conserved(t, b)
		replays(t, b)
	})
}

// conserved checks that cash is what went out and came in, and that principal
// outstanding is what was lent less what was repaid.
func conserved(t *rapid.T, b *books) {
	d := b.loan.Disbursement
	if got, want := b.control(ledger.FundSource), b.cashIn-d.Net.Minor(); got != want {
		t.Fatalf("cash %d, want %d", got, want)
	}
	repaid := int64(0)
	for i := range b.loan.Instalments {
		repaid += b.loan.Instalments[i].Paid.Principal.Minor()
	}
	if got, want := b.loan.Outstanding().Principal.Minor(), d.Gross.Minor()-repaid; got != want {
		t.Fatalf("principal outstanding %d, lent less repaid %d", got, want)
	}
}

func replays(t *rapid.T, b *books) {
	again, err := servicing.Replay(throughJSON(t, b.facts))
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	if diff := cmp.Diff(b.loan, again, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("replayed loan (-want +got):\n%s", diff)
	}
}

// With the usual order the state depends on what was paid, not on when it came in.
func TestPaymentsInAnyOrderGiveTheSameState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := anyTerms(t)
		amounts := rapid.SliceOfN(rapid.Int64Range(1, 1+terms.Principal.Minor()/4), 2, 4).Draw(t, "amounts")
		shuffled := rapid.Permutation(amounts).Draw(t, "shuffled")
		one, two := disbursed(t, terms), disbursed(t, terms)
		business := terms.DisbursementDate.AddDays(20)
		for i := range amounts {
			one.pay(servicing.Normal, amounts[i], business, business)
			two.pay(servicing.Normal, shuffled[i], business, business)
		}
		if diff := cmp.Diff(one.loan.Instalments, two.loan.Instalments); diff != "" {
			t.Fatalf("instalments differ:\n%s", diff)
		}
	})
}

// AttentionOn never lies: before its date the start of a day changes nothing,
// and on it something changes.
func TestAttentionOnIsTheFirstDayThatChangesSomething(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, business := live(t)
		on := b.loan.AttentionOn()
		last := b.loan.Instalments[len(b.loan.Instalments)-1].Due.AddDays(50)
		for day := business; !day.After(last); day = day.AddDays(1) {
			change, err := b.loan.StartDay(day)
			if err != nil {
				t.Fatalf("day %s: %v", day, err)
			}
			if changes := !on.IsZero() && !day.Before(on); change.Empty() == changes {
				t.Fatalf("attention on %s, and day %s has %d facts", on, day, len(change.Facts))
			}
		}
	})
}
