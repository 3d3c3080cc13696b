package servicing_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

// The hot path: a payment that comes in order, on a loan of 24 instalments.
func BenchmarkPayInOrder(b *testing.B) {
	loan := disbursed(b, rbiTerms(b)).loan
	p := servicing.Payment{
		ID: uuid.NewSHA1(loanID, []byte("bench")), Kind: servicing.Normal, Amount: inr(96_973),
		ValueDate: date(b, "2026-02-15"),
	}
	b.ReportAllocs()
	for b.Loop() {
		change, err := loan.Pay(p, p.ValueDate)
		if err != nil || len(change.Entries) != 2 {
			b.Fatalf("%d entries, %v", len(change.Entries), err)
		}
	}
}

func BenchmarkAttentionOn(b *testing.B) {
	loan := disbursed(b, rbiTerms(b)).loan
	b.ReportAllocs()
	for b.Loop() {
		if loan.AttentionOn().IsZero() {
			b.Fatal("no attention")
		}
	}
}

// accruing returns a loan with daily accrual that has been serviced for days.
func accruing(b *testing.B, days int) *books {
	b.Helper()
	terms := rbiTerms(b)
	terms.Instalments = 80
	a := activation(b, terms)
	a.Product = servicing.Product{
		Accrual: servicing.Daily,
		LateFee: servicing.LateFee{GraceDays: 3, Percent: amortization.MustDecimal("2")},
	}
	l := emptyBooks(b)
	l.take(servicing.Activate(a))
	l.take(l.loan.CompleteDisbursement(disbursementID, "bank-1", terms.DisbursementDate))
	for i := range l.loan.Instalments {
		row := l.loan.Instalments[i]
		if row.Due.DaysSince(terms.DisbursementDate) >= days {
			break
		}
		l.take(l.loan.StartDay(row.Due.AddDays(1)))
		l.pay(servicing.Normal, row.Charged.Total().Minor(), row.Due.AddDays(1), row.Due.AddDays(1))
	}
	l.take(l.loan.StartDay(terms.DisbursementDate.AddDays(days)))
	return l
}

// A payment that is posted three years late on a loan with 2,400 accruals.
func BenchmarkBackDatedPayment(b *testing.B) {
	const days = 2_400
	l := accruing(b, days)
	today := l.loan.DisbursedOn.AddDays(days)
	p := servicing.Payment{
		ID: uuid.NewSHA1(loanID, []byte("late")), Kind: servicing.Normal, Amount: money.New(10_000, l.loan.Currency()),
		ValueDate: today.AddDays(-3 * 365),
	}
	b.ReportMetric(float64(len(l.facts)), "facts")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.loan.Pay(p, today, l.facts...); err != nil {
			b.Fatal(err)
		}
	}
}

// The start of a day on which interest accrues and nothing else happens.
func BenchmarkDailyAccrual(b *testing.B) {
	l := accruing(b, 40)
	on := l.loan.AttentionOn()
	b.ReportAllocs()
	for b.Loop() {
		if _, alone := l.loan.DailyAccrual(on); !alone {
			b.Fatal("something else happens")
		}
	}
}
