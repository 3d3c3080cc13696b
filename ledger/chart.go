package ledger

import (
	"slices"
	"sync"

	"github.com/google/uuid"
)

// Role is the part that a general ledger account plays for a lender, so that
// rules can name accounts without knowing codes.
type Role string

// The roles of a lender's books, in the order of the chart.
const (
	FundSource                  Role = "FUND_SOURCE"
	TransfersSuspense           Role = "TRANSFERS_SUSPENSE"
	LoanPortfolio               Role = "LOAN_PORTFOLIO"
	InterestReceivable          Role = "INTEREST_RECEIVABLE"
	FeesReceivable              Role = "FEES_RECEIVABLE"
	PenaltiesReceivable         Role = "PENALTIES_RECEIVABLE"
	LossAllowance               Role = "LOSS_ALLOWANCE"
	Overpayment                 Role = "OVERPAYMENT"
	DisbursementClearing        Role = "DISBURSEMENT_CLEARING"
	DeferredIncome              Role = "DEFERRED_INCOME_LIABILITY"
	Capital                     Role = "CAPITAL"
	InterestOnLoans             Role = "INTEREST_ON_LOANS"
	IncomeFromFees              Role = "INCOME_FROM_FEES"
	IncomeFromPenalties         Role = "INCOME_FROM_PENALTIES"
	IncomeFromRecovery          Role = "INCOME_FROM_RECOVERY"
	IncomeFromChargeOffInterest Role = "INCOME_FROM_CHARGE_OFF_INTEREST"
	IncomeFromChargeOffFees     Role = "INCOME_FROM_CHARGE_OFF_FEES"
	IncomeFromChargeOffPenalty  Role = "INCOME_FROM_CHARGE_OFF_PENALTY"
	IncomeFromGoodwillInterest  Role = "INCOME_FROM_GOODWILL_CREDIT_INTEREST"
	IncomeFromGoodwillFees      Role = "INCOME_FROM_GOODWILL_CREDIT_FEES"
	IncomeFromGoodwillPenalty   Role = "INCOME_FROM_GOODWILL_CREDIT_PENALTY"
	IncomeFromCapitalization    Role = "INCOME_FROM_CAPITALIZATION"
	IncomeFromBuyDown           Role = "INCOME_FROM_BUY_DOWN"
	LossesWrittenOff            Role = "LOSSES_WRITTEN_OFF"
	ChargeOffExpense            Role = "CHARGE_OFF_EXPENSE"
	ChargeOffFraudExpense       Role = "CHARGE_OFF_FRAUD_EXPENSE"
	GoodwillCredit              Role = "GOODWILL_CREDIT"
	BuyDownExpense              Role = "BUY_DOWN_EXPENSE"
	ImpairmentExpense           Role = "IMPAIRMENT_EXPENSE"
)

// ChartRow binds a role to its general ledger account.
type ChartRow struct {
	Role Role
	GL   GLAccount
}

func row(role Role, code, name string, t AccountType) ChartRow {
	return ChartRow{Role: role, GL: GLAccount{Code: code, Name: name, Type: t, NormalSide: t.NormalSide()}}
}

// contra is a row whose account grows on the side opposite to that of its type.
func contra(role Role, code, name string, t AccountType) ChartRow {
	r := row(role, code, name, t)
	r.GL.NormalSide = t.NormalSide().Opposite()
	return r
}

var chart = []ChartRow{
	row(FundSource, "1000", "Cash at bank", Asset),
	row(TransfersSuspense, "1050", "Transfers in suspense", Asset),
	row(LoanPortfolio, "1100", "Loan portfolio", Asset),
	row(InterestReceivable, "1110", "Interest receivable", Asset),
	row(FeesReceivable, "1120", "Fees receivable", Asset),
	row(PenaltiesReceivable, "1130", "Penalties receivable", Asset),
	contra(LossAllowance, "1190", "Allowance for expected losses", Asset),
	row(Overpayment, "2000", "Overpayments owed to borrowers", Liability),
	row(DisbursementClearing, "2100", "Disbursements in clearing", Liability),
	row(DeferredIncome, "2200", "Deferred income", Liability),
	row(Capital, "3000", "Capital", Equity),
	row(InterestOnLoans, "4000", "Interest on loans", Income),
	row(IncomeFromFees, "4010", "Fee income", Income),
	row(IncomeFromPenalties, "4020", "Penalty income", Income),
	row(IncomeFromRecovery, "4100", "Recoveries", Income),
	row(IncomeFromChargeOffInterest, "4110", "Charged-off interest", Income),
	row(IncomeFromChargeOffFees, "4120", "Charged-off fees", Income),
	row(IncomeFromChargeOffPenalty, "4130", "Charged-off penalties", Income),
	row(IncomeFromGoodwillInterest, "4210", "Goodwill credit, interest", Income),
	row(IncomeFromGoodwillFees, "4220", "Goodwill credit, fees", Income),
	row(IncomeFromGoodwillPenalty, "4230", "Goodwill credit, penalties", Income),
	row(IncomeFromCapitalization, "4300", "Capitalized income", Income),
	row(IncomeFromBuyDown, "4310", "Buy-down income", Income),
	row(LossesWrittenOff, "5000", "Losses written off", Expense),
	row(ChargeOffExpense, "5100", "Charge-off expense", Expense),
	row(ChargeOffFraudExpense, "5110", "Charge-off expense, fraud", Expense),
	row(GoodwillCredit, "5200", "Goodwill credits", Expense),
	row(BuyDownExpense, "5300", "Buy-down expense", Expense),
	row(ImpairmentExpense, "5400", "Expected losses", Expense),
}

var chartByRole = func() map[Role]GLAccount {
	index := make(map[Role]GLAccount, len(chart))
	for _, r := range chart {
		index[r.Role] = r.GL
	}
	return index
}()

// Chart returns the chart of accounts of a lender, in the order of its codes
// within assets, liabilities, equity, income and expenses.
func Chart() []ChartRow { return slices.Clone(chart) }

// Valid reports whether r is a role of the chart.
func (r Role) Valid() bool { _, ok := chartByRole[r]; return ok }

// GL returns the general ledger account of the role; the zero GLAccount, which
// is not valid, for a role that is not of the chart.
func (r Role) GL() GLAccount { return chartByRole[r] }

// ControlAccount returns the lender's own account for a role in a currency,
// with the code "1000.INR".
func ControlAccount(role Role, currency Currency) Account {
	gl := role.GL()
	return Account{
		Code: controlCode(role, currency), Name: gl.Name, GLCode: gl.Code, Type: gl.Type,
		NormalSide: gl.NormalSide, Currency: currency, Limit: NoLimit,
	}
}

// LoanAccount returns the account of one loan for a role, with the code
// "1100.INR.<loan id>". It rolls up to the role's general ledger account.
func LoanAccount(role Role, loan uuid.UUID, currency Currency) Account {
	a := ControlAccount(role, currency)
	a.Code = loanCode(role, loan, currency)
	a.Name += ", loan " + loan.String()
	a.Metadata = map[string]string{"loan_id": loan.String()}
	return a
}

func controlCode(role Role, currency Currency) string { return role.GL().Code + "." + currency.Code() }

func loanCode(role Role, loan uuid.UUID, currency Currency) string {
	return controlCode(role, currency) + "." + loan.String()
}

// ControlAccountID returns the id of ControlAccount.
func ControlAccountID(role Role, currency Currency) uuid.UUID {
	key := controlKey{role, currency}
	if known, ok := controlIDs.Load(key); ok {
		if id, ok := known.(uuid.UUID); ok {
			return id
		}
	}
	id := AccountID(controlCode(role, currency))
	if role.Valid() { // so that there are only so many
		controlIDs.Store(key, id)
	}
	return id
}

// controlIDs keeps ids that most entries name: roles times currencies.
var controlIDs sync.Map

type controlKey struct {
	role     Role
	currency Currency
}

// LoanAccountID returns the id of LoanAccount.
func LoanAccountID(role Role, loan uuid.UUID, currency Currency) uuid.UUID {
	return AccountID(loanCode(role, loan, currency))
}
