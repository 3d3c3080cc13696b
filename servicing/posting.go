package servicing

import (
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// movement books one amount of a fact: from the credited role to the debited one.
type movement struct {
	of            figure
	debit, credit ledger.Role
}

// transaction is what a kind of fact is called in the journal and what it moves.
type transaction struct {
	kind      string
	movements []movement
}

// postingTable says what each kind of fact means for the books. Kinds that are
// not listed move no money. A disbursement that failed is booked as the exact
// mirror of the entry that initiated it. A negative amount exchanges the sides.
//
// Charges deducted at disbursement: the principal is lent in full; the lender's
// own charges are income at once, and those of third parties stay in clearing,
// with the money for the borrower, until they are passed on.
var postingTable = map[FactKind]transaction{
	KindDisbursementInitiated: {"DISBURSEMENT", []movement{
		{net, ledger.LoanPortfolio, ledger.DisbursementClearing},
		{lenderFees, ledger.LoanPortfolio, ledger.IncomeFromFees},
		{thirdPartyFees, ledger.LoanPortfolio, ledger.DisbursementClearing},
	}},
	KindDisbursementCompleted: {"PAYOUT", []movement{
		{net, ledger.DisbursementClearing, ledger.FundSource},
	}},
	KindAccrued: {"ACCRUAL", []movement{
		{interest, ledger.InterestReceivable, ledger.InterestOnLoans},
		{fees, ledger.FeesReceivable, ledger.IncomeFromFees},
		{penalties, ledger.PenaltiesReceivable, ledger.IncomeFromPenalties},
	}},
	KindPaid: {"REPAYMENT", []movement{
		{principal, ledger.FundSource, ledger.LoanPortfolio},
		{interest, ledger.FundSource, ledger.InterestReceivable},
		{fees, ledger.FundSource, ledger.FeesReceivable},
		{penalties, ledger.FundSource, ledger.PenaltiesReceivable},
		{overpaid, ledger.FundSource, ledger.Overpayment},
	}},
	// Interest that was paid in advance and is not earned repays principal.
	KindCurtailed: {"REALLOCATION", []movement{
		{principal, ledger.InterestReceivable, ledger.LoanPortfolio},
		{overpaid, ledger.InterestReceivable, ledger.Overpayment},
	}},
}

// LoanRoles are the roles for which each loan has an account of its own: what
// the borrower owes and is owed. All other roles are the lender's as a whole.
var LoanRoles = []ledger.Role{
	ledger.LoanPortfolio, ledger.InterestReceivable, ledger.FeesReceivable, ledger.PenaltiesReceivable,
	ledger.Overpayment,
}

// controlRoles are the lender's own accounts that the posting table names.
var controlRoles = []ledger.Role{
	ledger.FundSource, ledger.DisbursementClearing, ledger.InterestOnLoans, ledger.IncomeFromFees,
	ledger.IncomeFromPenalties,
}

// Accounts returns every account that entries about the loan may name.
func (l *Loan) Accounts() []ledger.Account {
	var accounts []ledger.Account
	for _, role := range controlRoles {
		accounts = append(accounts, ledger.ControlAccount(role, l.Currency()))
	}
	for _, role := range LoanRoles {
		accounts = append(accounts, ledger.LoanAccount(role, l.ID, l.Currency()))
	}
	return accounts
}

// figure names an amount of a fact.
type figure int

const (
	principal figure = iota
	interest
	fees
	penalties
	overpaid
	net
	lenderFees
	thirdPartyFees
	figureCount
)

// figures holds the amounts of a fact in minor units.
type figures [figureCount]int64

func figuresOf(f Fact) figures {
	var sums figures
	switch f := f.(type) {
	case DisbursementInitiated:
		sums.disbursed(f.Disbursement)
	case DisbursementCompleted:
		sums.disbursed(f.Disbursement)
	case Accrued:
		for i := range f.Portions {
			sums.parts(f.Portions[i].Parts)
		}
	case Paid:
		sums.parts(f.Split)
		sums[overpaid] = f.Overpaid.Minor()
	case Curtailed:
		for i := range f.Given {
			sums.parts(f.Given[i].Parts)
		}
		sums[overpaid] = f.Overpaid.Minor()
	}
	return sums
}

func (s *figures) disbursed(d Disbursement) {
	s[net], s[lenderFees], s[thirdPartyFees] = d.Net.Minor(), d.LenderFees.Minor(), d.ThirdPartyFees.Minor()
}

func (s *figures) parts(p Parts) {
	s[principal] += p.Principal.Minor()
	s[interest] += p.Interest.Minor()
	s[fees] += p.Fees.Minor()
	s[penalties] += p.Penalties.Minor()
}

// entryKey names the entry of the fact that made the version: a fact is booked
// once, whoever tries it again.
func entryKey(loan uuid.UUID, version int64) string { return fmt.Sprintf("loan/%s/%d", loan, version) }

// initiationVersion is the version that the initiation of the disbursement
// makes: it always follows the activation.
const initiationVersion = 2

// entryOf returns the journal entry of a fact that has just made the given
// version of the loan; false if it moves nothing. The entry counts from the
// fact's date and is booked on the business date.
func (l *Loan) entryOf(f Fact, version int64, booked civil.Date) (ledger.JournalEntry, bool) {
	if failed, ok := f.(DisbursementFailed); ok {
		ordered := DisbursementInitiated{On: l.ActivatedOn, Disbursement: failed.Disbursement}
		original, _ := l.entryOf(ordered, initiationVersion, l.ActivatedOn)
		return original.Reverse(ledger.Reversal{
			Key: entryKey(l.ID, version), EffectiveDate: failed.On, BookingDate: booked,
			Description: "disbursement failed",
		}), true
	}
	amounts, booking := figuresOf(f), postingTable[f.Kind()]
	var order []ledger.Role
	sums := make(map[ledger.Role]int64) // debits less credits
	for _, m := range booking.movements {
		for _, role := range []ledger.Role{m.debit, m.credit} {
			if _, seen := sums[role]; !seen {
				order = append(order, role)
			}
			sums[role] += 0
		}
		sums[m.debit] += amounts[m.of]
		sums[m.credit] -= amounts[m.of]
	}
	e := ledger.JournalEntry{
		Key: entryKey(l.ID, version), Kind: booking.kind, EffectiveDate: f.Date(), BookingDate: booked,
		Reference: l.ID.String(),
	}
	if paid, ok := f.(Paid); ok {
		e.Metadata = map[string]string{"payment_id": paid.PaymentID.String()}
	}
	for _, role := range order {
		if sums[role] != 0 {
			e.Lines = append(e.Lines, l.line(role, sums[role]))
		}
	}
	return e, len(e.Lines) > 0
}

func (l *Loan) line(role ledger.Role, debit int64) ledger.Line {
	account := ledger.ControlAccount(role, l.Currency())
	for _, own := range LoanRoles {
		if own == role {
			account = ledger.LoanAccount(role, l.ID, l.Currency())
		}
	}
	side := ledger.Debit
	if debit < 0 {
		side, debit = ledger.Credit, -debit
	}
	return ledger.Line{AccountID: account.ID(), Side: side, Amount: money.New(debit, l.Currency())}
}
