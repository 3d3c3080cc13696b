package amortization

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"strconv"

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
// and the instalments that follow from them, which [Schedule.All], [Schedule.At]
// and [Schedule.Len] give. Treat it as a value.
type Schedule struct {
	Terms  Terms
	Totals Totals
	// Phases are the terms in force after each change, from their DisbursementDate
	// on; nil for a schedule that New built.
	Phases []Terms

	table
}

// New returns the schedule of the terms, or the faults of the terms joined:
// each is a *TermsError (see Faults).
func New(t Terms) (*Schedule, error) {
	var s Schedule
	if err := s.build(t, false); err != nil {
		return nil, err
	}
	return &s, nil
}

// Rebuild is New into an existing schedule: it uses the memory of its rows
// again, for those who build many. On an error s is as it was, but its rows are
// no longer to be used.
func (s *Schedule) Rebuild(t Terms) error { return s.build(t, false) }

// build runs an engine with scratch memory from a pool; reference keeps it off
// the fast path.
func (s *Schedule) build(t Terms, reference bool) error {
	e := newEngine(t, reference)
	defer e.release()
	return s.buildBy(e)
}

func (s *Schedule) buildBy(e *engine) error {
	if err := e.terms.faults(); err != nil {
		return err
	}
	e.spare = s.rows
	built, err := e.build()
	if err == nil {
		*s = built
	}
	return err
}

// Hash returns the SHA-256 of the terms and rows in a canonical form, in
// hexadecimal. Two schedules with one hash are the same agreement: an offer is
// bound by it.
func (s *Schedule) Hash() string {
	h := sha256.New()
	hashTerms(h, &s.Terms)
	for i := range s.Phases {
		hashTerms(h, &s.Phases[i])
	}
	for i := range s.rows {
		s.hashRow(h, i)
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

func (s *Schedule) hashRow(h hash.Hash, i int) {
	r, x := &s.rows[i], s.side(i)
	line := make([]byte, 0, 160)
	line = append(line, '\n')
	line = strconv.AppendInt(line, int64(i+1), 10)
	line = append(line, ' ')
	line = append(line, r.kind.String()...)
	line = append(line, s.from(i).civil().String()...)
	line = append(line, ' ')
	line = append(line, r.due.civil().String()...)
	amounts := [...]int64{
		r.principal, r.interest, x.fees, s.total(i), s.earned(i), r.opening, s.closing(i), x.disbursed, x.capitalised,
	}
	for _, minor := range amounts {
		line = append(line, ' ')
		line = strconv.AppendInt(line, minor, 10)
	}
	h.Write(line)
}

// MaturityDate returns the last due date.
func (s *Schedule) MaturityDate() civil.Date {
	return s.rows[len(s.rows)-1].due.civil()
}
