package servicing

import (
	"fmt"

	"github.com/tenor-lending/tenor/ledger"
)

// Transaction is what a movement is called in the journal.
type Transaction string

// The transactions.
const (
	TxDisbursement Transaction = "DISBURSEMENT"
	// TxDisbursementDeferred is a disbursement whose fees are earned over the plan.
	TxDisbursementDeferred Transaction = "DISBURSEMENT_FEES_DEFERRED"
	TxFeesEarned           Transaction = "DEFERRED_FEES_EARNED"
	TxCapitalisedIncome    Transaction = "CAPITALISED_INCOME"
	TxCapitalisedEarned    Transaction = "CAPITALISED_INCOME_EARNED"
	TxBuyDown              Transaction = "BUY_DOWN_FEE"
	TxBuyDownEarned        Transaction = "BUY_DOWN_FEE_EARNED"

	TxPayout             Transaction = "PAYOUT"
	TxAccrual            Transaction = "ACCRUAL"
	TxSuspension         Transaction = "SUSPENSION"
	TxRepayment          Transaction = "REPAYMENT"
	TxTransfer           Transaction = "REPAYMENT_BY_TRANSFER"
	TxDownPayment        Transaction = "DOWN_PAYMENT"
	TxMerchantRefund     Transaction = "MERCHANT_REFUND"
	TxPayoutRefund       Transaction = "PAYOUT_REFUND"
	TxGoodwillCredit     Transaction = "GOODWILL_CREDIT"
	TxInterestRefund     Transaction = "INTEREST_REFUND"
	TxFeeAdjustment      Transaction = "CHARGE_ADJUSTMENT_FEE"
	TxPenaltyAdjustment  Transaction = "CHARGE_ADJUSTMENT_PENALTY"
	TxReallocation       Transaction = "REALLOCATION"
	TxCapitalisation     Transaction = "CAPITALISATION"
	TxWaiver             Transaction = "WAIVER"
	TxWriteOff           Transaction = "WRITE_OFF"
	TxRecovery           Transaction = "RECOVERY"
	TxChargeOff          Transaction = "CHARGE_OFF"
	TxChargeOffFraud     Transaction = "CHARGE_OFF_FRAUD"
	TxChargeOffRepayment Transaction = "CHARGE_OFF_REPAYMENT"
	TxChargeOffRefund    Transaction = "CHARGE_OFF_REFUND"
	TxChargeOffGoodwill  Transaction = "CHARGE_OFF_GOODWILL_CREDIT"
	TxChargeOffRealloc   Transaction = "CHARGE_OFF_REALLOCATION"
	TxChargeOffBack      Transaction = "CHARGE_OFF_CHARGEBACK"
	TxChargeOffReturn    Transaction = "CHARGE_OFF_CREDIT_BALANCE_REFUND"
	TxCreditRefund       Transaction = "CREDIT_BALANCE_REFUND"
	TxChargeback         Transaction = "CHARGEBACK"
	TxActiveRefund       Transaction = "REFUND_OF_ACTIVE_LOAN"
	TxProvision          Transaction = "PROVISION"
	TxAdjustment         Transaction = "ADJUSTMENT"
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

// postingTable says what each transaction means for the books, figure by
// figure: what it is of, the role that is debited, the role that is credited. A
// negative figure exchanges the sides. A product may name other roles of the
// lender (Product.Posting), never other accounts of the loan.
//
// Principal is lent in full at disbursement: the lender's own charges are income
// at once, and those of third parties stay in clearing, with the money for the
// borrower, until they are passed on. A disbursement that failed is booked as
// the exact mirror of the entry that initiated it, and so is a reversal.
//
// After a charge-off the loan is off the books: what is paid is recovered.
var postingTable = map[Transaction][]movement{
	TxDisbursement: {
		{Net, portfolio, clearing},
		{ThirdPartyFees, portfolio, clearing},
		{LenderFees, portfolio, feesI},
		{UpfrontInterest, portfolio, interestI},
	},
	TxDisbursementDeferred: {
		{Net, portfolio, clearing},
		{ThirdPartyFees, portfolio, clearing},
		{LenderFees, portfolio, deferred},
		{UpfrontInterest, portfolio, deferred},
	},
	TxPayout: {{Net, clearing, cash}},

	// Income that is earned over the plan.
	TxFeesEarned:        {{Other, deferred, feesI}},
	TxCapitalisedIncome: {{Principal, portfolio, deferred}},
	TxCapitalisedEarned: {{Other, deferred, ledger.IncomeFromCapitalization}},
	TxBuyDown:           {{Other, ledger.BuyDownExpense, deferred}},
	TxBuyDownEarned:     {{Other, deferred, ledger.IncomeFromBuyDown}},

	TxAccrual: {{Interest, interestR, interestI}, {Fees, feesR, feesI}, {Penalties, penaltyR, penaltyI}},
	// Interest that stops to count as income until it is paid.
	TxSuspension: {{Interest, interestI, interestR}},

	TxRepayment:      received(cash, portfolio, interestR, feesR, penaltyR),
	TxTransfer:       received(ledger.TransfersSuspense, portfolio, interestR, feesR, penaltyR),
	TxDownPayment:    received(cash, portfolio, interestR, feesR, penaltyR),
	TxMerchantRefund: received(cash, portfolio, interestR, feesR, penaltyR),
	TxPayoutRefund:   received(cash, portfolio, interestR, feesR, penaltyR),
	TxGoodwillCredit: {
		{Principal, goodwill, portfolio},
		{Interest, ledger.IncomeFromGoodwillInterest, interestR},
		{Fees, ledger.IncomeFromGoodwillFees, feesR},
		{Penalties, ledger.IncomeFromGoodwillPenalty, penaltyR},
		{Overpaid, goodwill, overpay},
	},
	// Income that is given back: it repays what is owed.
	TxInterestRefund:    received(interestI, portfolio, interestR, feesR, penaltyR),
	TxFeeAdjustment:     received(feesI, portfolio, interestR, feesR, penaltyR),
	TxPenaltyAdjustment: received(penaltyI, portfolio, interestR, feesR, penaltyR),
	// Paid money that moves from interest (paid in advance, not earned) to the rest.
	TxReallocation: {
		{Principal, interestR, portfolio},
		{Fees, interestR, feesR},
		{Penalties, interestR, penaltyR},
		{Overpaid, interestR, overpay},
	},
	// Arrears that become principal of a new plan.
	TxCapitalisation: {
		{Interest, portfolio, interestR}, {Fees, portfolio, feesR}, {Penalties, portfolio, penaltyR},
	},

	TxWaiver:   received(losses, portfolio, interestR, feesR, penaltyR),
	TxWriteOff: received(losses, portfolio, interestR, feesR, penaltyR),
	TxRecovery: received(cash, recovered, recovered, recovered, recovered),

	TxChargeOff:          chargedOff(expense),
	TxChargeOffFraud:     chargedOff(fraud),
	TxChargeOffRepayment: received(cash, recovered, recovered, recovered, recovered),
	TxChargeOffRefund:    received(cash, expense, expense, expense, expense),
	TxChargeOffGoodwill: received(goodwill, expense, ledger.IncomeFromChargeOffInterest, ledger.IncomeFromChargeOffFees,
		ledger.IncomeFromChargeOffPenalty),
	TxChargeOffRealloc: {{Overpaid, recovered, overpay}},
	TxChargeOffBack:    {{Principal, expense, cash}},
	TxChargeOffReturn:  {{Overpaid, overpay, cash}, {Principal, expense, cash}},

	// What is no longer overpaid when it is refunded is owed again.
	TxCreditRefund: {{Overpaid, overpay, cash}, {Principal, portfolio, cash}},
	TxChargeback:   {{Principal, portfolio, cash}},
	TxActiveRefund: {{Principal, portfolio, cash}},

	TxProvision: {{Other, ledger.ImpairmentExpense, ledger.LossAllowance}},
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

// PostingTable returns the table, for those who show or check it: a product's own
// rules (Product.Posting) come before it.
func PostingTable() map[Transaction][]PostingRule {
	table := make(map[Transaction][]PostingRule, len(postingTable))
	for transaction, rows := range postingTable {
		for _, m := range rows {
			table[transaction] = append(table[transaction], PostingRule{transaction, m.Of, m.Debit, m.Credit})
		}
	}
	return table
}

// movement books one figure.
type movement struct {
	Of            Figure
	Debit, Credit ledger.Role
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
	figureCount
)

var figureNames = [figureCount]string{
	"principal", "interest", "fees", "penalties", "overpaid", "other", "net", "lender_fees", "third_party_fees",
	"upfront_interest",
}

// String returns the name.
func (f Figure) String() string {
	if f < figureCount {
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
	return fmt.Errorf("%w: %.40q is no figure of a transaction", ErrInvalid, text)
}

// figures holds the amounts of a transaction in minor units.
type figures [figureCount]int64

func figuresOf(p Parts) figures {
	return figures{
		Principal: p.Principal.Minor(), Interest: p.Interest.Minor(), Fees: p.Fees.Minor(), Penalties: p.Penalties.Minor(),
	}
}

// movesOf returns what a fact means for the books; no transaction for nothing.
func movesOf(f Fact) (Transaction, figures) {
	var sums figures
	switch f := f.(type) {
	case DisbursementInitiated:
		return f.Transaction, f.Disbursement.figures()
	case DisbursementCompleted:
		return TxPayout, f.Disbursement.figures()
	case Paid:
		sums = figuresOf(f.Split)
		sums[Overpaid] = f.Overpaid.Minor()
		return f.Transaction, sums
	case Booked:
		sums = figuresOf(f.Parts)
		sums[Overpaid], sums[Other] = f.Overpaid.Minor(), f.Other.Minor()
		return f.Transaction, sums
	case Waived:
		return f.Transaction, figuresOf(f.Parts)
	case Refunded:
		sums[Overpaid], sums[Principal] = f.Amount.Minor()-f.Beyond.Minor(), f.Beyond.Minor()
		return f.Transaction, sums
	case ChargedBack:
		sums[Principal] = f.Amount.Minor()
		return f.Transaction, sums
	case IncomeDeferred:
		sums[Principal], sums[Other] = f.Amount.Minor(), f.Amount.Minor() // each transaction has one of them
		return f.Transaction, sums
	case Rescheduled:
		return TxCapitalisation, figuresOf(f.Arrears)
	case ChargedOff:
		return f.Transaction, figuresOf(f.Parts)
	case WrittenOff:
		return f.Transaction, figuresOf(f.Parts)
	}
	return "", sums
}

func (d *Disbursement) figures() figures {
	return figures{
		Net: d.Net.Minor(), LenderFees: d.LenderFees.Minor(), ThirdPartyFees: d.ThirdPartyFees.Minor(),
		UpfrontInterest: d.UpfrontInterest.Minor(),
	}
}

// ruleOf returns the movement of a figure.
func ruleOf(rows []movement, of Figure) (movement, bool) {
	for _, m := range rows {
		if m.Of == of {
			return m, true
		}
	}
	return movement{}, false
}

// linesOf returns the debits and credits of a fact by role, none if it moves nothing.
func (l *Loan) linesOf(f Fact) []RoleAmount {
	switch f := f.(type) {
	case Adjusted:
		return f.Lines
	case Reversed:
		return f.Lines
	case DisbursementFailed:
		lines := l.linesOf(DisbursementInitiated{Transaction: f.Transaction, Disbursement: f.Disbursement})
		return mirrored(lines)
	}
	transaction, sums := movesOf(f)
	if transaction == "" {
		return nil
	}
	var nets roleNets
	for _, m := range postingTable[transaction] {
		if sums[m.Of] == 0 {
			continue
		}
		for i := range l.Product.Posting {
			if r := &l.Product.Posting[i]; r.Transaction == transaction && r.Of == m.Of {
				m.Debit, m.Credit = r.Debit, r.Credit
			}
		}
		nets.add(m.Debit, sums[m.Of])
		nets.add(m.Credit, -sums[m.Of])
	}
	return nets.lines(l.Currency())
}
