package ledger

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/google/uuid"
)

// roots are the five roots of account names that plain-text accounting tools know.
var roots = map[AccountType]string{
	Asset: "Assets", Liability: "Liabilities", Equity: "Equity", Income: "Income", Expense: "Expenses",
}

// PlainName returns the account's name in plain-text journals, such as
// "Assets:1000:1000:INR": its type, its general ledger code and its code with
// points as levels. It suits hledger and Beancount. A code that cannot be spelt
// there gets a suffix from its id, so that two accounts never share a name.
func (a Account) PlainName() string {
	gl, exactGL := plainLevels(a.GLCode)
	code, exact := plainLevels(a.Code)
	name := roots[a.Type] + ":" + gl + ":" + code
	if !exact || !exactGL {
		const suffixLength = 8
		name += "-" + a.ID().String()[:suffixLength]
	}
	return name
}

// plainLevels spells a code in levels of capitals or digits first, then
// letters, digits and dashes. It tells whether nothing had to be changed.
func plainLevels(code string) (string, bool) {
	exact := true
	levels := strings.Split(code, ".")
	for i, level := range levels {
		var b strings.Builder
		for k, r := range level {
			switch {
			case k == 0 && unicode.IsLower(r):
				r, exact = unicode.ToUpper(r), false
			case k == 0 && r == '-':
				r, exact = 'X', false
			case r == '_' || r == ':' || r == '/':
				r, exact = 'X', false
			}
			b.WriteRune(r)
		}
		if level == "" {
			b.WriteByte('X')
			exact = false
		}
		levels[i] = b.String()
	}
	return strings.Join(levels, ":"), exact
}

// AppendHledger appends the entry to a journal in hledger's format. name says
// how accounts are called there.
func (e JournalEntry) AppendHledger(journal []byte, name func(uuid.UUID) string) []byte {
	e = e.Normalized()
	// A semicolon would begin a comment, a bar would split off a payee.
	text := strings.NewReplacer(";", ",", "|", "/").Replace(strings.TrimSpace(e.Kind + " " + e.Description))
	journal = fmt.Appendf(journal, "%s=%s (%s) %s\n", e.EffectiveDate, e.BookingDate, e.ID(), text)
	for _, line := range e.Lines {
		journal = fmt.Appendf(journal, "    %s  %s\n", name(line.AccountID), line.signed())
	}
	return append(journal, '\n')
}

// signed is the amount as plain-text journals write it: credits are negative.
func (l Line) signed() string {
	if l.Side == Credit {
		return "-" + l.Amount.String()
	}
	return l.Amount.String()
}

// AppendBeancount appends the entry to a journal in Beancount's format.
func (e JournalEntry) AppendBeancount(journal []byte, name func(uuid.UUID) string) []byte {
	e = e.Normalized()
	journal = fmt.Appendf(journal, "%s * %s %s\n", e.EffectiveDate, beanString(e.Kind), beanString(e.Description))
	journal = fmt.Appendf(journal, "  id: %s\n  key: %s\n", beanString(e.ID().String()), beanString(e.Key))
	if e.Reference != "" {
		journal = fmt.Appendf(journal, "  reference: %s\n", beanString(e.Reference))
	}
	if e.BookingDate != e.EffectiveDate {
		journal = fmt.Appendf(journal, "  booking-date: %s\n", e.BookingDate)
	}
	for _, line := range e.Lines {
		journal = fmt.Appendf(journal, "  %s  %s\n", name(line.AccountID), line.signed())
	}
	return append(journal, '\n')
}

// AppendBeancountOpen appends the directive by which Beancount learns of an
// account. It is dated before every possible entry.
func (a Account) AppendBeancountOpen(journal []byte) []byte {
	return fmt.Appendf(journal, "%d-01-01 open %s %s\n", yearMin, a.PlainName(), a.Currency.Code())
}

func beanString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
