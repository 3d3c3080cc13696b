package ledgertest

import (
	"cmp"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/ledger"
)

// Totals are debits and credits in minor units.
type Totals struct{ Debits, Credits int64 }

func (t Totals) with(line ledger.Line) Totals {
	if line.Side == ledger.Debit {
		t.Debits += line.Amount.Minor()
	} else {
		t.Credits += line.Amount.Minor()
	}
	return t
}

// Trial sums every line that counts by the end of a day, as far as it was
// recorded by known, under "code currency". With booking the booking date
// counts instead of the effective date.
func (m *Model) Trial(booking bool, day civil.Date, known time.Time) map[string]Totals {
	sums := map[string]Totals{}
	for _, p := range m.Journal {
		date := p.Entry.EffectiveDate
		if booking {
			date = p.Entry.BookingDate
		}
		if date.After(day) || p.Recorded.After(known) {
			continue
		}
		for _, line := range p.Entry.Lines {
			a := m.Accounts[line.AccountID]
			key := a.GLCode + " " + a.Currency.Code()
			sums[key] = sums[key].with(line)
		}
	}
	return sums
}

// StatementLine is one line of an account and the balance after it, in minor
// units on the account's normal side.
type StatementLine struct {
	Key     string
	Line    int
	Running int64
}

// Statement lists the lines of an account in the order of effective date,
// recording and posting, and runs its balance.
func (m *Model) Statement(id uuid.UUID, from, to civil.Date, known time.Time) []StatementLine {
	journal := slices.Clone(m.Journal)
	slices.SortStableFunc(journal, func(a, b Posted) int {
		return cmp.Or(a.Entry.EffectiveDate.Compare(b.Entry.EffectiveDate), a.Recorded.Compare(b.Recorded))
	})
	var list []StatementLine
	var sum Totals
	for _, p := range journal {
		if p.Entry.EffectiveDate.After(to) || p.Recorded.After(known) {
			continue
		}
		for i, line := range p.Entry.Lines {
			if line.AccountID != id {
				continue
			}
			sum = sum.with(line)
			running := sum.Debits - sum.Credits
			if m.Accounts[id].NormalSide == ledger.Credit {
				running = -running
			}
			if !p.Entry.EffectiveDate.Before(from) {
				list = append(list, StatementLine{Key: p.Entry.Key, Line: i, Running: running})
			}
		}
	}
	return list
}
