// Package posting is what transactions of loans mean for the books: one table
// from the kind of transaction and its figures to debits and credits by role.
//
// It owns the names of transactions and the table, and nothing else. It must not
// know loans, accounts, dates or storage.
package posting

import (
	"fmt"

	"github.com/tenor-lending/tenor/ledger"
)

// Transaction is what a movement is called in the journal.
type Transaction string

// The transactions.
const (
	Disbursement Transaction = "DISBURSEMENT"
	// DisbursementDeferred is a disbursement whose fees are earned over the plan.
	DisbursementDeferred Transaction = "DISBURSEMENT_FEES_DEFERRED"
	FeesEarned           Transaction = "DEFERRED_FEES_EARNED"
	CapitalisedIncome    Transaction = "CAPITALISED_INCOME"
	CapitalisedEarned    Transaction = "CAPITALISED_INCOME_EARNED"
	BuyDown              Transaction = "BUY_DOWN_FEE"
	BuyDownEarned        Transaction = "BUY_DOWN_FEE_EARNED"

	Payout             Transaction = "PAYOUT"
	Accrual            Transaction = "ACCRUAL"
	Suspension         Transaction = "SUSPENSION"
	Repayment          Transaction = "REPAYMENT"
	Transfer           Transaction = "REPAYMENT_BY_TRANSFER"
	DownPayment        Transaction = "DOWN_PAYMENT"
	MerchantRefund     Transaction = "MERCHANT_REFUND"
	PayoutRefund       Transaction = "PAYOUT_REFUND"
	GoodwillCredit     Transaction = "GOODWILL_CREDIT"
	InterestRefund     Transaction = "INTEREST_REFUND"
	FeeAdjustment      Transaction = "CHARGE_ADJUSTMENT_FEE"
	PenaltyAdjustment  Transaction = "CHARGE_ADJUSTMENT_PENALTY"
	Reallocation       Transaction = "REALLOCATION"
	Capitalisation     Transaction = "CAPITALISATION"
	Waiver             Transaction = "WAIVER"
	WriteOff           Transaction = "WRITE_OFF"
	Recovery           Transaction = "RECOVERY"
	ChargeOff          Transaction = "CHARGE_OFF"
	ChargeOffFraud     Transaction = "CHARGE_OFF_FRAUD"
	ChargeOffRepayment Transaction = "CHARGE_OFF_REPAYMENT"
	ChargeOffRefund    Transaction = "CHARGE_OFF_REFUND"
	ChargeOffGoodwill  Transaction = "CHARGE_OFF_GOODWILL_CREDIT"
	ChargeOffRealloc   Transaction = "CHARGE_OFF_REALLOCATION"
	ChargeOffBack      Transaction = "CHARGE_OFF_CHARGEBACK"
	ChargeOffReturn    Transaction = "CHARGE_OFF_CREDIT_BALANCE_REFUND"
	CreditRefund       Transaction = "CREDIT_BALANCE_REFUND"
	Chargeback         Transaction = "CHARGEBACK"
	ActiveRefund       Transaction = "REFUND_OF_ACTIVE_LOAN"
	Provision          Transaction = "PROVISION"
	Adjustment         Transaction = "ADJUSTMENT"
)

// The roles of the books by short names, for the table below.
const (
	cash      = ledger.FundSource
	clearing  = ledger.DisbursementClearing
	portfolio = ledger.LoanPortfolio
	interestR = ledger.InterestReceivable
	feesR     = ledger.FeesReceivable
	penaltyR  = ledger.PenaltiesReceivable
	overpay   = ledger.Overpayment
	interestI = ledger.InterestOnLoans
	feesI     = ledger.IncomeFromFees
	penaltyI  = ledger.IncomeFromPenalties
	recovered = ledger.IncomeFromRecovery
	losses    = ledger.LossesWrittenOff
	goodwill  = ledger.GoodwillCredit
	expense   = ledger.ChargeOffExpense
	deferred  = ledger.DeferredIncome
	fraud     = ledger.ChargeOffFraudExpense
)

// table says what each transaction means for the books, figure by
// figure: what it is of, the role that is debited, the role that is credited. A
// negative figure exchanges the sides. A product may name other roles of the
// lender (Rule), never other accounts of the loan.
//
// Principal is lent in full at disbursement: the lender's own charges are income
// at once, and those of third parties stay in clearing, with the money for the
// borrower, until they are passed on. A disbursement that failed is booked as
// the exact mirror of the entry that initiated it, and so is a reversal.
//
// After a charge-off the loan is off the books: what is paid is recovered.
var table = map[Transaction][]movement{
	Disbursement: {
		{Net, portfolio, clearing},
		{ThirdPartyFees, portfolio, clearing},
		{LenderFees, portfolio, feesI},
		{UpfrontInterest, portfolio, interestI},
	},
	DisbursementDeferred: {
		{Net, portfolio, clearing},
		{ThirdPartyFees, portfolio, clearing},
		{LenderFees, portfolio, deferred},
		{UpfrontInterest, portfolio, deferred},
	},
	Payout: {{Net, clearing, cash}},

	// Income that is earned over the plan.
	FeesEarned:        {{Other, deferred, feesI}},
	CapitalisedIncome: {{Principal, portfolio, deferred}},
	CapitalisedEarned: {{Other, deferred, ledger.IncomeFromCapitalization}},
	BuyDown:           {{Other, ledger.BuyDownExpense, deferred}},
	BuyDownEarned:     {{Other, deferred, ledger.IncomeFromBuyDown}},

	Accrual: {{Interest, interestR, interestI}, {Fees, feesR, feesI}, {Penalties, penaltyR, penaltyI}},
	// Interest that stops to count as income until it is paid.
	Suspension: {{Interest, interestI, interestR}},

	Repayment:      received(cash, portfolio, interestR, feesR, penaltyR),
	Transfer:       received(ledger.TransfersSuspense, portfolio, interestR, feesR, penaltyR),
	DownPayment:    received(cash, portfolio, interestR, feesR, penaltyR),
	MerchantRefund: received(cash, portfolio, interestR, feesR, penaltyR),
	PayoutRefund:   received(cash, portfolio, interestR, feesR, penaltyR),
	GoodwillCredit: {
		{Principal, goodwill, portfolio},
		{Interest, ledger.IncomeFromGoodwillInterest, interestR},
		{Fees, ledger.IncomeFromGoodwillFees, feesR},
		{Penalties, ledger.IncomeFromGoodwillPenalty, penaltyR},
		{Overpaid, goodwill, overpay},
	},
	// Income that is given back: it repays what is owed.
	InterestRefund:    received(interestI, portfolio, interestR, feesR, penaltyR),
	FeeAdjustment:     received(feesI, portfolio, interestR, feesR, penaltyR),
	PenaltyAdjustment: received(penaltyI, portfolio, interestR, feesR, penaltyR),
	// Paid money that moves from interest (paid in advance, not earned) to the rest.
	Reallocation: {
		{Principal, interestR, portfolio},
		{Fees, interestR, feesR},
		{Penalties, interestR, penaltyR},
		{Overpaid, interestR, overpay},
	},
	// Arrears that become principal of a new plan.
	Capitalisation: {
		{Interest, portfolio, interestR}, {Fees, portfolio, feesR}, {Penalties, portfolio, penaltyR},
	},

	Waiver:   received(losses, portfolio, interestR, feesR, penaltyR),
	WriteOff: received(losses, portfolio, interestR, feesR, penaltyR),
	Recovery: received(cash, recovered, recovered, recovered, recovered),

	ChargeOff:          chargedOff(expense),
	ChargeOffFraud:     chargedOff(fraud),
	ChargeOffRepayment: received(cash, recovered, recovered, recovered, recovered),
	ChargeOffRefund:    received(cash, expense, expense, expense, expense),
	ChargeOffGoodwill: received(goodwill, expense, ledger.IncomeFromChargeOffInterest, ledger.IncomeFromChargeOffFees,
		ledger.IncomeFromChargeOffPenalty),
	ChargeOffRealloc: {{Overpaid, recovered, overpay}},
	ChargeOffBack:    {{Principal, expense, cash}},
	ChargeOffReturn:  {{Overpaid, overpay, cash}, {Principal, expense, cash}},

	// What is no longer overpaid when it is refunded is owed again.
	CreditRefund: {{Overpaid, overpay, cash}, {Principal, portfolio, cash}},
	Chargeback:   {{Principal, portfolio, cash}},
	ActiveRefund: {{Principal, portfolio, cash}},

	Provision: {{Other, ledger.ImpairmentExpense, ledger.LossAllowance}},
}

// received books money, or what stands for it, against what it pays; what it
// pays too much is owed to the borrower.
func received(from, principal, interest, fees, penalties ledger.Role) []movement {
	return []movement{
		{Principal, from, principal},
		{Interest, from, interest},
		{Fees, from, fees},
		{Penalties, from, penalties},
		{Overpaid, from, overpay},
	}
}

func chargedOff(to ledger.Role) []movement {
	return []movement{
		{Principal, to, portfolio},
		{Interest, ledger.IncomeFromChargeOffInterest, interestR},
		{Fees, ledger.IncomeFromChargeOffFees, feesR},
		{Penalties, ledger.IncomeFromChargeOffPenalty, penaltyR},
	}
}

// Figure names an amount of a transaction.
type Figure uint8

// The figures.
const (
	Principal Figure = iota
	Interest
	Fees
	Penalties
	Overpaid
	Other
	Net
	LenderFees
	ThirdPartyFees
	UpfrontInterest
	// FigureCount is the number of figures.
	FigureCount
)

var figureNames = [FigureCount]string{
	"principal", "interest", "fees", "penalties", "overpaid", "other", "net", "lender_fees", "third_party_fees",
	"upfront_interest",
}

// String returns the name.
func (f Figure) String() string {
	if f < FigureCount {
		return figureNames[f]
	}
	return "unknown"
}

// MarshalText writes the name.
func (f Figure) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a name.
func (f *Figure) UnmarshalText(text []byte) error {
	for i, name := range figureNames {
		if name == string(text) {
			*f = Figure(i)
			return nil
		}
	}
	return fmt.Errorf("%.40q is no figure of a transaction", text)
}
