package servicing

import (
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
	// Attention is the loan's AttentionOn, which whoever made the change knew.
	Attention civil.Date
	// Entries are what the facts mean for the books.
	Entries []ledger.JournalEntry
	// Opens are the loan's own accounts that Entries are the first to touch. Most
	// loans never have a penalty or pay too much: an account that nothing touches
	// is not opened, and holds zero.
	Opens []ledger.Account
}

// Empty reports whether the command had no effect.
func (c *Change) Empty() bool { return len(c.Facts) == 0 }

// Command is something that may be done to a loan. Its id makes it unique: who
// may ask twice gives the same id, and keeps what was answered.
type Command interface {
	// input returns what the command means on a business date, or why the loan
	// cannot take it.
	input(l *Loan, business civil.Date) (input, error)
}

// Do carries out a command on a business date. A command that counts from a
// day before something else that happened needs all facts of the loan, in the
// order in which they were stored; without them it is ErrNeedsHistory. The
// journal then gets the net difference, one entry for each effective date that
// is touched, and none where nothing changed.
func (l *Loan) Do(command Command, business civil.Date, history ...Fact) (Change, error) {
	in, err := command.input(l, business)
	if err != nil {
		return Change{}, err
	}
	if !l.needsHistory(in) {
		e := engine{loan: l.clone(), fresh: true}
		if err := e.run(in); err != nil {
			return Change{}, err
		}
		if err := e.advance(business); err != nil {
			return Change{}, err
		}
		return l.change(&e, business)
	}
	if int64(len(history)) != l.Version {
		return Change{}, ErrNeedsHistory
	}
	return l.rewrite(in, business, history)
}

// NeedsHistory reports whether Do needs the facts of the loan for the command.
func (l *Loan) NeedsHistory(command Command, business civil.Date) bool {
	in, err := command.input(l, business)
	return err == nil && l.needsHistory(in)
}

func (l *Loan) needsHistory(in input) bool {
	_, reversal := in.(Reversed)
	return reversal || !l.inOrder(in.position())
}

// change wraps up a run that went on from l.
func (l *Loan) change(e *engine, business civil.Date) (Change, error) {
	c := Change{Loan: e.loan, Before: l.Version, Facts: e.facts}
	c.Loan.Version += int64(len(c.Facts))
	if err := c.Loan.check(); err != nil {
		return Change{}, err
	}
	for i, f := range c.Facts {
		version := l.Version + int64(i) + 1
		if _, ordered := f.(DisbursementInitiated); ordered {
			c.Loan.PayoutVersion = version
		}
		lines := c.Loan.linesOf(f)
		if len(lines) == 0 {
			continue
		}
		c.Entries = append(c.Entries, c.Loan.entryOf(f, lines, version, business))
		for _, line := range lines {
			if c.Loan.Opened.Add(line.Role) {
				c.Opens = append(c.Opens, ledger.LoanAccount(line.Role, c.Loan.ID, c.Loan.Currency()))
			}
		}
	}
	c.Attention = e.attention()
	return c, nil
}

// attention returns the next day on which something happens.
func (e *engine) attention() civil.Date {
	if e.ahead {
		return e.next
	}
	on, err := e.nextDay()
	if err != nil {
		return e.loan.Through.On.AddDays(1) // StartDay will say what is wrong
	}
	return on
}
