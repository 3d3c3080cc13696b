package servicing

import (
	"strconv"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// LoanRoles are the roles for which each loan has an account of its own: what
// the borrower owes and is owed. All other roles are the lender's as a whole.
var LoanRoles = []ledger.Role{
	ledger.LoanPortfolio, ledger.InterestReceivable, ledger.FeesReceivable, ledger.PenaltiesReceivable,
	ledger.Overpayment,
}

func ownedByLoan(role ledger.Role) bool {
	for _, own := range LoanRoles {
		if own == role {
			return true
		}
	}
	return false
}

// Accounts returns every account that entries about the loan may name: the
// lender's own, then one for each of LoanRoles.
func (l *Loan) Accounts() []ledger.Account {
	var accounts []ledger.Account
	for _, row := range ledger.Chart() {
		if !ownedByLoan(row.Role) {
			accounts = append(accounts, ledger.ControlAccount(row.Role, l.Currency()))
		}
	}
	for _, role := range LoanRoles {
		accounts = append(accounts, ledger.LoanAccount(role, l.ID, l.Currency()))
	}
	return accounts
}

// roleNet is debits less credits of a role.
type roleNet struct {
	role ledger.Role
	net  int64
}

// roleNets sums by role, in the order in which roles came.
type roleNets []roleNet

func (n *roleNets) add(role ledger.Role, debit int64) {
	for i := range *n {
		if (*n)[i].role == role {
			(*n)[i].net += debit
			return
		}
	}
	if *n == nil {
		*n = make(roleNets, 0, 8)
	}
	*n = append(*n, roleNet{role: role, net: debit})
}

func (n roleNets) lines(currency money.Currency) []RoleAmount {
	lines := make([]RoleAmount, 0, len(n))
	for _, r := range n {
		if r.net != 0 {
			lines = append(lines, RoleAmount{Role: r.role, Debit: money.New(r.net, currency)})
		}
	}
	return lines
}

func mirrored(lines []RoleAmount) []RoleAmount {
	mirror := make([]RoleAmount, len(lines))
	for i, line := range lines {
		mirror[i] = RoleAmount{Role: line.Role, Debit: money.New(-line.Debit.Minor(), line.Debit.Currency())}
	}
	return mirror
}

// entryKey names the entry of the fact that made the version: a fact is booked
// once, whoever tries it again.
func entryKey(loan uuid.UUID, version int64) string {
	return "loan/" + loan.String() + "/" + strconv.FormatInt(version, 10)
}

// entryOf returns the journal entry of the fact that made a version of the
// loan; false if it moves nothing. It counts from the fact's date and is booked
// on the business date.
func (l *Loan) entryOf(f Fact, version int64, booked civil.Date) (ledger.JournalEntry, bool) {
	lines := l.linesOf(f)
	if len(lines) == 0 {
		return ledger.JournalEntry{}, false
	}
	transaction, _ := movesOf(f)
	e := ledger.JournalEntry{
		Key: entryKey(l.ID, version), Kind: string(transaction), EffectiveDate: f.Date(), BookingDate: booked,
		Reference: l.ID.String(), Lines: make([]ledger.Line, len(lines)),
	}
	for i, line := range lines {
		e.Lines[i] = l.line(line)
	}
	switch f := f.(type) {
	case Paid:
		e.Metadata = map[string]string{"payment_id": f.PaymentID.String()}
	case Adjusted:
		e.Kind = string(TxAdjustment)
	case Reversed:
		e.Kind, e.Reverses = ledger.KindReversal, ledger.EntryID(entryKey(l.ID, f.Version))
		e.Description = f.Reason
	case DisbursementFailed:
		e.Kind, e.Reverses = ledger.KindReversal, ledger.EntryID(entryKey(l.ID, f.Initiated))
		e.Description = "disbursement failed"
	}
	return e, true
}

func (l *Loan) line(r RoleAmount) ledger.Line {
	id := ledger.ControlAccountID(r.Role, l.Currency())
	if ownedByLoan(r.Role) {
		id = ledger.LoanAccountID(r.Role, l.ID, l.Currency())
	}
	side, debit := ledger.Debit, r.Debit.Minor()
	if debit < 0 {
		side, debit = ledger.Credit, -debit
	}
	return ledger.Line{AccountID: id, Side: side, Amount: money.New(debit, l.Currency())}
}
