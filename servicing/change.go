package servicing

import (
	"fmt"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/ledger"
)

// Change is what a command did: to be stored as a whole or not at all.
type Change struct {
	// Loan is the state after the change, and Before the version it started from.
	Loan   Loan
	Before int64
	// Facts are what happened, in order; none if the command had no effect.
	Facts []Fact
	// Entries are what the facts mean for the books.
	Entries []ledger.JournalEntry
	booked  civil.Date
	rows    []Instalment // as they were
}

// Empty reports whether the command had no effect.
func (c *Change) Empty() bool { return len(c.Facts) == 0 }

// begin starts a change that is booked on the business date.
func begin(l *Loan, business civil.Date) *Change {
	return &Change{Loan: l.clone(), Before: l.Version, booked: business, rows: l.Instalments}
}

// Touched returns the instalments that differ from before.
func (c *Change) Touched() []Instalment {
	var touched []Instalment
	for i := range c.Loan.Instalments {
		if i >= len(c.rows) || c.rows[i] != c.Loan.Instalments[i] {
			touched = append(touched, c.Loan.Instalments[i])
		}
	}
	return touched
}

// add applies more facts and books them.
func (c *Change) add(facts ...Fact) error {
	for _, f := range facts {
		if err := c.Loan.absorb(f); err != nil {
			return fmt.Errorf("loan %s: %w", c.Loan.ID, err)
		}
		c.Facts = append(c.Facts, f)
		if entry, ok := c.Loan.entryOf(f, c.Loan.Version, c.booked); ok {
			c.Entries = append(c.Entries, entry)
		}
	}
	return nil
}

// finish checks what must hold between commands.
func (c *Change) finish() (Change, error) {
	l := &c.Loan
	for i := range l.Instalments {
		row := &l.Instalments[i]
		for _, gap := range [...]Parts{row.Paid, row.Open(), row.Accrued.Minus(row.Paid).income(), row.unaccrued()} {
			if gap.Principal.IsNegative() || gap.Interest.IsNegative() || gap.Fees.IsNegative() || gap.Penalties.IsNegative() {
				return Change{}, fmt.Errorf("%w: loan %s, instalment %d: %+v", ErrCorrupt, l.ID, row.Number, *row)
			}
		}
	}
	return *c, nil
}

// settle completes the loan when nothing is owed any more.
func (c *Change) settle(valueDate civil.Date) error {
	if c.Loan.Status != Active || !c.Loan.Outstanding().IsZero() {
		return nil
	}
	return c.add(FullyRepaid{On: valueDate}, Completed{On: c.booked})
}
