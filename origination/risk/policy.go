package risk

import "github.com/tenor-lending/tenor/amortization"

// Reason is a specific reason for an adverse decision, as consumer-credit law
// asks for (Regulation B, 12 CFR 1002.9, sample form C-1).
type Reason string

// The reasons.
const (
	// IncomeNotStated means no regular income is known.
	IncomeNotStated Reason = "INCOME_NOT_STATED"
	// DebtToIncomeTooHigh means all obligations, this loan included, take too much of the income.
	DebtToIncomeTooHigh Reason = "DEBT_TO_INCOME_TOO_HIGH"
	// ObligationsTooHigh means the obligations that exist already take too much of it.
	ObligationsTooHigh Reason = "EXISTING_OBLIGATIONS_TOO_HIGH"
	// IncomeTooLowForAmount means the loan is too large beside a year's income.
	IncomeTooLowForAmount Reason = "INCOME_TOO_LOW_FOR_AMOUNT"
	// TermTooLong means the loan is asked for too many instalments.
	TermTooLong Reason = "TERM_TOO_LONG"
	// UnacceptableReferences and the two below are for what only a person sees.
	UnacceptableReferences Reason = "UNACCEPTABLE_REFERENCES"
	// UnverifiableIncome means the stated income could not be confirmed.
	UnverifiableIncome Reason = "INCOME_NOT_VERIFIABLE"
	// PurposeNotFinanced means loans for this purpose are not offered.
	PurposeNotFinanced Reason = "PURPOSE_NOT_FINANCED"
)

// ReasonTexts says each reason to the applicant.
var ReasonTexts = map[Reason]string{
	IncomeNotStated:        "No regular income is stated",
	DebtToIncomeTooHigh:    "Excessive obligations in relation to income",
	ObligationsTooHigh:     "Existing obligations are too high in relation to income",
	IncomeTooLowForAmount:  "Income insufficient for the amount of credit requested",
	TermTooLong:            "The requested term is too long",
	UnacceptableReferences: "Unacceptable credit references",
	UnverifiableIncome:     "Unable to verify income",
	PurposeNotFinanced:     "Credit is not offered for the stated purpose",
}

// ReasonsMax is how many reasons are given: more than four are not likely to
// help the applicant (official interpretation of 12 CFR 1002.9(b)(2)).
const ReasonsMax = 4

// Recommendation is what the policy advises the risk manager.
type Recommendation string

// The recommendations.
const (
	RecommendApprove Recommendation = "APPROVE"
	// RecommendRefer means that a person should look closely.
	RecommendRefer  Recommendation = "REFER"
	RecommendReject Recommendation = "REJECT"
)

// measure computes one figure of an application; its unit is in the table below.
type measure func(figures) int64

// step gives points to a measure of at most upTo.
type step struct {
	upTo   int64
	points int
}

// factor is one row of the scorecard. A measure above the last step gets no points.
type factor struct {
	name   string
	unit   string
	of     measure
	steps  []step // ascending by upTo, descending by points
	reason Reason
}

// cutOff rejects an application whatever its score when the measure is above the limit.
type cutOff struct {
	of     measure
	limit  int64
	reason Reason
}

// band is a range of scores, from min up to the next better band.
type band struct {
	name           string
	min            int
	recommendation Recommendation
}

// policy is one version of the rules. It never changes once it has assessed an
// application; new rules are a new version.
type policy struct {
	version string
	// referenceRates is the nominal annual rate in percent by which a product's
	// instalment is estimated before an offer exists; "" is any other product.
	referenceRates map[string]amortization.Decimal
	// debtToIncomeMax, in basis points of monthly income, bounds the affordable amount.
	debtToIncomeMax int64
	cutOffs         []cutOff
	factors         []factor
	bands           []band // best first; the last one starts at 0
}

// policyVersion is the version that new applications are assessed by.
const policyVersion = "2026-11"

// policies holds every version that ever assessed an application.
var policies = map[string]policy{
	"2026-11": {
		version: "2026-11",
		referenceRates: map[string]amortization.Decimal{
			"":              amortization.MustDecimal("18"),
			"PERSONAL_LOAN": amortization.MustDecimal("15"),
			"MICRO_LOAN":    amortization.MustDecimal("24"),
		},
		// Half of household income is the ceiling of the Reserve Bank of India's
		// Master Direction on microfinance loans, 14 March 2022.
		debtToIncomeMax: 5_000,
		cutOffs: []cutOff{
			{of: noIncome, limit: 0, reason: IncomeNotStated},
			{of: debtToIncome, limit: 5_000, reason: DebtToIncomeTooHigh},
		},
		factors: []factor{
			{
				name: "debt_to_income", unit: "basis points of monthly income", of: debtToIncome,
				steps:  []step{{2_000, 400}, {3_000, 320}, {4_000, 220}, {5_000, 120}},
				reason: DebtToIncomeTooHigh,
			},
			{
				name: "existing_obligations", unit: "basis points of monthly income", of: obligationsToIncome,
				steps:  []step{{1_000, 200}, {2_500, 140}, {4_000, 60}},
				reason: ObligationsTooHigh,
			},
			{
				name: "amount_to_income", unit: "basis points of yearly income", of: amountToYearlyIncome,
				steps:  []step{{2_500, 250}, {5_000, 200}, {10_000, 120}, {20_000, 50}},
				reason: IncomeTooLowForAmount,
			},
			{
				name: "term", unit: "instalments", of: term,
				steps:  []step{{12, 150}, {24, 120}, {36, 80}, {60, 40}},
				reason: TermTooLong,
			},
		},
		bands: []band{
			{"A", 800, RecommendApprove},
			{"B", 650, RecommendApprove},
			{"C", 500, RecommendRefer},
			{"D", 350, RecommendRefer},
			{"E", 0, RecommendReject},
		},
	},
}
