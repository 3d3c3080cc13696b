package amortization_test

import (
	"testing"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

func mortgage() amortization.Terms {
	return amortization.Terms{
		Principal:         money.New(25_000_000, money.MustCurrency("USD")),
		AnnualRatePercent: amortization.MustDecimal("6.375"), Instalments: 360,
		DisbursementDate: civil.Date{Year: 2024, Month: 1, Day: 15},
	}
}

func BenchmarkAnnuity360(b *testing.B) {
	terms := mortgage()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := amortization.New(terms); err != nil {
			b.Fatal(err)
		}
	}
}
