package amortization

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"strconv"
	"sync"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

// Kind says what a row of a schedule is. It is a number, so that rows hold no
// pointer; its text is "", "down_payment" or "change".
type Kind uint8

// The kinds of row.
const (
	// Regular is an instalment.
	Regular Kind = iota
	// DownPayment is due on the day of disbursement and bears no interest.
	DownPayment
	// Change is a period cut short by a change: what it earned is due with the next
	// instalment. Its Principal is a prepayment, its Disbursed a further tranche.
	Change
)

var kindNames = [...]string{Regular: "", DownPayment: "down_payment", Change: "change"}

// String returns the name: "" for Regular.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// MarshalText writes the name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if name == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return fault("kind", RuleUnknown, "%.40q is not a kind of instalment", text)
}

// Instalment is one row of a schedule. Total = Principal + Interest + Fees,
// and Closing = Opening + Disbursed + Capitalised - Principal.
type Instalment struct {
	// Number counts from 1.
	Number int `json:"number"`
	// Kind is Regular for all but the down payment.
	Kind Kind `json:"kind,omitempty"`
	// From is the first day of the period, and Due the day of payment, on which the next period starts.
	From civil.Date `json:"from"`
	Due  civil.Date `json:"due"`
	// Principal, Interest and Fees are the parts of the instalment, and Total is their sum.
	Principal money.Amount `json:"principal"`
	Interest  money.Amount `json:"interest"`
	Fees      money.Amount `json:"fees"`
	Total     money.Amount `json:"total"`
	// Earned is the interest that accrues in the period: Interest, unless the terms
	// let it be paid with a later instalment.
	Earned money.Amount `json:"earned"`
	// Opening and Closing are the principal outstanding at From and after payment.
	Opening money.Amount `json:"opening"`
	Closing money.Amount `json:"closing"`
	// Disbursed is what is paid out within the period, and Capitalised the
	// interest that becomes principal on Due; the zero Amount where there is none.
	Disbursed   money.Amount `json:"disbursed,omitzero"`
	Capitalised money.Amount `json:"capitalised,omitzero"`
}

// Totals are the sums over a schedule.
type Totals struct {
	// Principal, Interest and Fees are the sums of the columns; Fees are those collected
	// with instalments. Principal is what was disbursed and Capitalised.
	Principal money.Amount `json:"principal"`
	Interest  money.Amount `json:"interest"`
	Fees      money.Amount `json:"fees"`
	// Capitalised is the interest that becomes principal.
	Capitalised money.Amount `json:"capitalised,omitzero"`
	// UpfrontFees and UpfrontInterest are deducted from the money paid out.
	UpfrontFees     money.Amount `json:"upfront_fees"`
	UpfrontInterest money.Amount `json:"upfront_interest,omitzero"`
	// NetDisbursed is what the borrower receives: the principal less what is deducted.
	NetDisbursed money.Amount `json:"net_disbursed"`
	// Total is what the borrower pays in instalments.
	Total money.Amount `json:"total"`
}

// Schedule is the plan of a loan: its terms, with every default written out,
// and the instalments that follow from them. Treat it as a value.
type Schedule struct {
	Terms       Terms        `json:"terms"`
	Instalments []Instalment `json:"instalments"`
	Totals      Totals       `json:"totals"`
	// Phases are the terms in force after each change, from their DisbursementDate
	// on; nil for a schedule that New built.
	Phases []Terms `json:"phases,omitempty"`
}

// New returns the schedule of the terms, or the faults of the terms joined:
// each is a *TermsError (see Faults).
func New(t Terms) (*Schedule, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return build(t, false)
}

// Rebuild is New into an existing schedule: it uses the memory of its rows
// again, for those who build many. On an error s is as it was, but its rows are
// no longer to be used.
func (s *Schedule) Rebuild(t Terms) error {
	if err := t.Validate(); err != nil {
		return err
	}
	e, ok := engines.Get().(*engine)
	if !ok {
		e = new(engine)
	}
	e.reset(t.normalised(), false)
	e.spare = s.Instalments
	built, err := e.build()
	e.reset(Terms{}, false)
	engines.Put(e)
	if err != nil {
		return err
	}
	*s = built
	return nil
}

// build runs an engine with scratch memory from a pool; reference keeps it off
// the fast path.
func build(t Terms, reference bool) (*Schedule, error) {
	e, ok := engines.Get().(*engine)
	if !ok {
		e = new(engine)
	}
	e.reset(t.normalised(), reference)
	s, err := e.build()
	e.reset(Terms{}, false)
	engines.Put(e)
	if err != nil {
		return nil, err
	}
	return &s, nil
}

var engines = sync.Pool{New: func() any { return new(engine) }}

// Hash returns the SHA-256 of the terms and rows in a canonical form, in
// hexadecimal. Two schedules with one hash are the same agreement: an offer is
// bound by it.
func (s *Schedule) Hash() string {
	h := sha256.New()
	hashTerms(h, &s.Terms)
	for i := range s.Phases {
		hashTerms(h, &s.Phases[i])
	}
	for i := range s.Instalments {
		hashRow(h, &s.Instalments[i])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashTerms(h hash.Hash, t *Terms) {
	terms, err := json.Marshal(t)
	if err != nil {
		terms = []byte(err.Error()) // terms without currency: never from New
	}
	h.Write(terms)
}

func hashRow(h hash.Hash, row *Instalment) {
	line := make([]byte, 0, 160)
	line = append(line, '\n')
	line = strconv.AppendInt(line, int64(row.Number), 10)
	line = append(line, ' ')
	line = append(line, row.Kind.String()...)
	line = append(line, row.From.String()...)
	line = append(line, ' ')
	line = append(line, row.Due.String()...)
	amounts := [...]money.Amount{
		row.Principal, row.Interest, row.Fees, row.Total, row.Earned, row.Opening, row.Closing,
		row.Disbursed, row.Capitalised,
	}
	for _, a := range amounts {
		line = append(line, ' ')
		line = strconv.AppendInt(line, a.Minor(), 10)
	}
	h.Write(line)
}

// MaturityDate returns the last due date.
func (s *Schedule) MaturityDate() civil.Date {
	return s.Instalments[len(s.Instalments)-1].Due
}
