package main

import "github.com/tenor-lending/tenor/internal/journey"

// The loan of the demonstration is the illustration that the Reserve Bank of
// India prints with its Key Facts Statement (Master Direction on Microfinance
// Loans, annex; the same figures in the circular of 15 April 2024): 20,000
// over 24 months at 15 %, charges of 400 of which 160 go to third parties.
const illustrationCurrency = "INR"

func rupees(amount string) journey.Money {
	return journey.Money{Amount: amount, Currency: illustrationCurrency}
}

func illustrationApplication() journey.Application {
	return journey.Application{
		Product: "MICRO_LOAN", Amount: rupees("20000.00"), Instalments: 24, Purpose: "BUSINESS",
		Income: rupees("25000.00"), Obligations: rupees("1000.00"),
	}
}

func illustrationTerms() journey.Terms {
	return journey.Terms{
		Principal: rupees("20000.00"), AnnualRatePercent: "15", Instalments: 24, ValidDays: 14,
		Charges: []journey.Charge{
			{Name: "processing fee", Amount: rupees("240.00"), Party: "LENDER"},
			{Name: "insurance premium", Amount: rupees("160.00"), Party: "THIRD_PARTY"},
		},
	}
}

// The published figures. Totals are published in whole rupees.
const (
	publishedInstalment    = "969.73"
	publishedAPR           = "17.07"
	publishedNet           = "19600.00"
	publishedTotalInterest = "3274"
	publishedTotalPaid     = "23274"
)
