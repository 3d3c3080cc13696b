package conform

import (
	"encoding/json"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
)

// amount is an amount that a vector may state.
type amount = *amortization.Decimal

// expectedRow is an instalment.
type expectedRow struct {
	N                  *int                   `json:"n"`
	DueDate            *civil.Date            `json:"due_date"`
	Days               *int                   `json:"days"`
	Principal          amount                 `json:"principal"`
	Interest           amount                 `json:"interest"`
	Fees               amount                 `json:"fees"`
	Penalties          amount                 `json:"penalties"`
	TotalDue           amount                 `json:"total_due"`
	OutstandingBalance amount                 `json:"outstanding_balance"`
	Paid               amount                 `json:"paid"`
	PaidEarly          amount                 `json:"paid_early"`
	PaidLate           amount                 `json:"paid_late"`
	Waived             amount                 `json:"waived"`
	Outstanding        amount                 `json:"outstanding"`
	PaidOn             json.RawMessage        `json:"paid_on"` // null says that it is not paid
	RateFactors        []amortization.Decimal `json:"rate_factors"`
}

// expectedTransaction is a transaction, or in a journal the lines of a type and date.
type expectedTransaction struct {
	Date      *civil.Date    `json:"date"`
	Type      string         `json:"type"`
	Amount    amount         `json:"amount"`
	Principal amount         `json:"principal"`
	Interest  amount         `json:"interest"`
	Fees      amount         `json:"fees"`
	Penalties amount         `json:"penalties"`
	Overpaid  amount         `json:"overpaid"`
	Balance   amount         `json:"balance"`
	Reversed  *bool          `json:"reversed"`
	Lines     []expectedLine `json:"lines"`
}

// expectedLine is a line of the journal.
type expectedLine struct {
	Account string `json:"account"`
	Kind    string `json:"kind"` // of account; the vectors' charts differ, it is not compared
	Debit   amount `json:"debit"`
	Credit  amount `json:"credit"`
}

// expected is what a vector may state.
type expected struct {
	Installments        []expectedRow         `json:"installments"`
	InstallmentsInclude []expectedRow         `json:"installments_include"`
	Totals              *expectedRow          `json:"totals"`
	Transactions        []expectedTransaction `json:"transactions"`
	TransactionsInclude []expectedTransaction `json:"transactions_include"`
	Disbursements       []struct {
		Date   *civil.Date `json:"date"`
		Amount amount      `json:"amount"`
		Fees   amount      `json:"fees"`
	} `json:"disbursements"`
	Status           string      `json:"status"`
	TotalOutstanding amount      `json:"total_outstanding"`
	TotalOverpaid    amount      `json:"total_overpaid"`
	AsOf             *civil.Date `json:"as_of"`
	Match            string      `json:"match"`
}
