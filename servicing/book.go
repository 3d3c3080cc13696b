package servicing

import (
	"strconv"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// LoanRoles are the roles for which each loan has an account of its own.
var LoanRoles = posting.LoanRoles

// movesOf returns what a fact means for the books; no transaction for nothing.
func movesOf(f Fact) (posting.Transaction, posting.Figures) {
	var sums posting.Figures
	switch f := f.(type) {
	case DisbursementInitiated:
		return f.Transaction, f.Disbursement.figures()
	case DisbursementCompleted:
		return posting.Payout, f.Disbursement.figures()
	case Paid:
		sums = figuresOf(f.Split)
		sums[posting.Overpaid] = f.Overpaid.Minor()
		return f.Transaction, sums
	case Booked:
		sums = figuresOf(f.Parts)
		sums[posting.Overpaid], sums[posting.Other] = f.Overpaid.Minor(), f.Other.Minor()
		return f.Transaction, sums
	case Waived:
		return f.Transaction, figuresOf(f.Parts)
	case Refunded:
		sums[posting.Overpaid], sums[posting.Principal] = f.Amount.Minor()-f.Beyond.Minor(), f.Beyond.Minor()
		return f.Transaction, sums
	case ChargedBack:
		sums[posting.Principal] = f.Amount.Minor()
		return f.Transaction, sums
	case IncomeDeferred:
		sums[posting.Principal], sums[posting.Other] = f.Amount.Minor(), f.Amount.Minor() // each transaction has one of them
		return f.Transaction, sums
	case Rescheduled:
		return posting.Capitalisation, figuresOf(f.Arrears)
	case ChargedOff:
		return f.Transaction, figuresOf(f.Parts)
	case WrittenOff:
		return f.Transaction, figuresOf(f.Parts)
	}
	return "", sums
}

func (d *Disbursement) figures() posting.Figures {
	return posting.Figures{
		posting.Net: d.Net.Minor(), posting.LenderFees: d.LenderFees.Minor(),
		posting.ThirdPartyFees:  d.ThirdPartyFees.Minor(),
		posting.UpfrontInterest: d.UpfrontInterest.Minor(),
	}
}

func figuresOf(p Parts) posting.Figures {
	return posting.Figures{
		posting.Principal: p.Principal.Minor(), posting.Interest: p.Interest.Minor(), posting.Fees: p.Fees.Minor(),
		posting.Penalties: p.Penalties.Minor(),
	}
}

// linesOf returns the debits and credits of a fact by role, none if it moves nothing.
func (l *Loan) linesOf(f Fact) []posting.Line {
	switch f := f.(type) {
	case Adjusted:
		return f.Lines
	case Reversed:
		return f.Lines
	case DisbursementFailed:
		ordered := DisbursementInitiated{Transaction: f.Transaction, Disbursement: f.Disbursement}
		return posting.Mirror(l.linesOf(ordered))
	}
	transaction, sums := movesOf(f)
	if transaction == "" {
		return nil
	}
	return posting.Lines(transaction, &sums, l.Product.Posting, l.Currency())
}

// entryKey names the entry of the fact that made the version: a fact is booked
// once, whoever tries it again.
func entryKey(loan uuid.UUID, version int64) string {
	return "loan/" + loan.String() + "/" + strconv.FormatInt(version, 10)
}

// entryOf returns the journal entry of the fact that made a version of the
// loan, of the lines that the fact has. It counts from the fact's date and is
// booked on the business date.
func (l *Loan) entryOf(f Fact, lines []posting.Line, version int64, booked civil.Date) ledger.JournalEntry {
	e := ledger.JournalEntry{
		Key: entryKey(l.ID, version), Kind: kindOf(f), EffectiveDate: f.Date(), BookingDate: booked,
		Reference: l.ID.String(), Lines: make([]ledger.Line, len(lines)),
	}
	for i, line := range lines {
		e.Lines[i] = l.line(line)
	}
	switch f := f.(type) {
	case Paid:
		e.Metadata = map[string]string{"payment_id": f.PaymentID.String()}
	case Reversed:
		e.Reverses = ledger.EntryID(entryKey(l.ID, f.Version))
		e.Description = f.Reason
	case DisbursementFailed:
		e.Reverses = ledger.EntryID(entryKey(l.ID, f.Initiated))
		e.Description = "disbursement failed"
	}
	return e
}

func (l *Loan) line(r posting.Line) ledger.Line {
	id := ledger.ControlAccountID(r.Role, l.Currency())
	if posting.OwnedByLoan(r.Role) {
		id = ledger.LoanAccountID(r.Role, l.ID, l.Currency())
	}
	side, debit := ledger.Debit, r.Debit.Minor()
	if debit < 0 {
		side, debit = ledger.Credit, -debit
	}
	return ledger.Line{AccountID: id, Side: side, Amount: money.New(debit, l.Currency())}
}
