package servicing

import (
	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// Balance is where a loan stands in the books: what the ledger holds in its own accounts.
type Balance struct {
	// Parts is what is receivable by component.
	Parts
	// Overpaid is owed to the borrower.
	Overpaid money.Amount
}

// NoBalance returns zero of everything.
func NoBalance(currency money.Currency) Balance {
	return Balance{Parts: NoParts(currency), Overpaid: money.Zero(currency)}
}

// Plus returns b + c.
func (b Balance) Plus(c Balance) Balance {
	return Balance{Parts: b.Parts.Plus(c.Parts), Overpaid: shift(b.Overpaid, c.Overpaid.Minor())}
}

// IsZero reports whether nothing is owed either way.
func (b Balance) IsZero() bool { return b.Parts.IsZero() && b.Overpaid.IsZero() }

// Movement is what a fact did to the loan's own accounts.
type Movement struct {
	// Kind is that of the journal entry, empty if the fact has none.
	Kind string
	// Booked is the business date on which the fact was recorded, where it says so.
	Booked civil.Date
	// Change may be zero: an entry may move accounts of the lender only.
	Change Balance
}

// MovementOf returns what a fact of the loan did to its accounts: what its
// journal entry says of them.
func (l *Loan) MovementOf(f Fact) Movement {
	m := Movement{Change: NoBalance(l.Currency())}
	if b, ok := f.(interface{ booked() civil.Date }); ok {
		m.Booked = b.booked()
	}
	lines := l.linesOf(f)
	if len(lines) == 0 {
		return m
	}
	m.Kind = kindOf(f)
	for _, line := range lines {
		c, minor := &m.Change, line.Debit.Minor()
		switch line.Role {
		case ledger.LoanPortfolio:
			c.Principal = shift(c.Principal, minor)
		case ledger.InterestReceivable:
			c.Interest = shift(c.Interest, minor)
		case ledger.FeesReceivable:
			c.Fees = shift(c.Fees, minor)
		case ledger.PenaltiesReceivable:
			c.Penalties = shift(c.Penalties, minor)
		case ledger.Overpayment:
			c.Overpaid = shift(c.Overpaid, -minor)
		}
	}
	return m
}

// kindOf returns the kind of the entry of a fact that has one.
func kindOf(f Fact) string {
	switch f.(type) {
	case Adjusted:
		return string(posting.Adjustment)
	case Reversed, DisbursementFailed:
		return ledger.KindReversal
	}
	transaction, _ := movesOf(f)
	return string(transaction)
}
