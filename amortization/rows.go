package amortization

import (
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

// table holds the rows of a schedule in an eighth of the memory that Instalments
// take, since building a schedule is mostly a matter of memory: amounts in minor
// units of the one currency of the loan, what few loans have apart, and nothing
// that follows from the rest. Rows tile the time: each starts on the due date of
// the one before.
type table struct {
	start shortDate // first day of the first row, a down payment aside
	rows  []row
	sides []side // one for each row, or nil where all are zero
}

// row is what every instalment has.
type row struct {
	opening, principal, interest int64
	due                          shortDate
	kind                         Kind
}

// side is what few instalments have; deferred is earned less interest.
type side struct{ fees, deferred, disbursed, capitalised int64 }

func (t *table) side(i int) side {
	if t.sides == nil {
		return side{}
	}
	return t.sides[i]
}

// aside returns the side of a row to change it.
func (t *table) aside(i int) *side {
	if t.sides == nil {
		t.sides = make([]side, len(t.rows))
	}
	return &t.sides[i]
}

func (t *table) put(i int, r row, s side) {
	t.rows[i] = r
	if t.sides != nil || s != (side{}) {
		*t.aside(i) = s
	}
}

// before returns the rows before a row.
func (t *table) before(i int) table {
	kept := table{start: t.start, rows: t.rows[:i]}
	if t.sides != nil {
		kept.sides = t.sides[:i]
	}
	return kept
}

func (t *table) from(i int) shortDate {
	switch {
	case t.rows[i].kind == DownPayment:
		return t.rows[i].due
	case i == 0 || t.rows[i-1].kind == DownPayment:
		return t.start
	}
	return t.rows[i-1].due
}

func (t *table) earned(i int) int64 { return t.rows[i].interest + t.side(i).deferred }
func (t *table) total(i int) int64  { return t.rows[i].principal + t.rows[i].interest + t.side(i).fees }

func (t *table) closing(i int) int64 {
	r, s := &t.rows[i], t.side(i)
	return r.opening + s.disbursed + s.capitalised - r.principal
}

// Len returns the number of rows: the instalments, a down payment, and the rows
// of changes.
func (s *Schedule) Len() int { return len(s.rows) }

// At returns row i, counted from 0.
func (s *Schedule) At(i int) Instalment {
	r, x, cur := &s.rows[i], s.side(i), s.Terms.Principal.Currency()
	instalment := Instalment{
		Number: i + 1, Kind: r.kind, From: s.from(i).civil(), Due: r.due.civil(),
		Principal: money.New(r.principal, cur), Interest: money.New(r.interest, cur), Fees: money.New(x.fees, cur),
		Total: money.New(s.total(i), cur), Earned: money.New(s.earned(i), cur),
		Opening: money.New(r.opening, cur), Closing: money.New(s.closing(i), cur),
	}
	if x.disbursed != 0 {
		instalment.Disbursed = money.New(x.disbursed, cur)
	}
	if x.capitalised != 0 {
		instalment.Capitalised = money.New(x.capitalised, cur)
	}
	return instalment
}

// All returns the rows in order, each with its index.
func (s *Schedule) All() iter.Seq2[int, Instalment] {
	return func(yield func(int, Instalment) bool) {
		for i := range s.rows {
			if !yield(i, s.At(i)) {
				return
			}
		}
	}
}

// scheduleJSON is the form of a schedule in JSON.
type scheduleJSON struct {
	Terms       Terms        `json:"terms"`
	Instalments []Instalment `json:"instalments"`
	Totals      Totals       `json:"totals"`
	Phases      []Terms      `json:"phases,omitempty"`
}

// MarshalJSON writes the terms, the rows as "instalments", the totals and the phases.
func (s Schedule) MarshalJSON() ([]byte, error) {
	doc := scheduleJSON{Terms: s.Terms, Instalments: make([]Instalment, s.Len()), Totals: s.Totals, Phases: s.Phases}
	for i := range doc.Instalments {
		doc.Instalments[i] = s.At(i)
	}
	return json.Marshal(doc)
}

// UnmarshalJSON reads what MarshalJSON writes. It fails where a row does not add
// up, or is not in the currency of the principal.
func (s *Schedule) UnmarshalJSON(data []byte) error {
	var doc scheduleJSON
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	read := Schedule{Terms: doc.Terms, Totals: doc.Totals, Phases: doc.Phases}
	read.rows = make([]row, len(doc.Instalments))
	for i := range doc.Instalments {
		x := &doc.Instalments[i]
		if !validDate(x.From) || !validDate(x.Due) {
			return fault(fmt.Sprintf("instalments[%d]", i), RuleDate, "%v to %v are no dates", x.From, x.Due)
		}
		if i == 0 || doc.Instalments[i-1].Kind == DownPayment {
			read.start = shorten(x.From)
		}
		read.put(i, row{
			kind: x.Kind, due: shorten(x.Due), opening: x.Opening.Minor(), principal: x.Principal.Minor(),
			interest: x.Interest.Minor(),
		}, side{
			fees: x.Fees.Minor(), deferred: x.Earned.Minor() - x.Interest.Minor(),
			disbursed: x.Disbursed.Minor(), capitalised: x.Capitalised.Minor(),
		})
		if read.At(i) != *x {
			return fault(fmt.Sprintf("instalments[%d]", i), RuleContradiction, "the row does not add up")
		}
	}
	*s = read
	return nil
}

// money returns an amount in the currency of the loan.
func (s *Schedule) money(minor int64) money.Amount {
	return money.New(minor, s.Terms.Principal.Currency())
}

// shortDate is a valid date in one number, year × 512 + month × 32 + day, so that
// later dates are larger.
type shortDate int32

func shorten(d civil.Date) shortDate {
	return shortDate(d.Year<<9 | int(d.Month)<<5 | d.Day)
}

func (d shortDate) civil() civil.Date {
	return civil.Date{Year: int(d >> 9), Month: time.Month(d >> 5 & 15), Day: int(d & 31)}
}

// after reports whether d is later than a date, valid or not.
func (d shortDate) after(other civil.Date) bool { return d.civil().After(other) }
