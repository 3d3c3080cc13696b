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

// Instalment is one row of a schedule. Total = Principal + Interest + Fees,
// and Closing = Opening - Principal.
type Instalment struct {
	// Number counts from 1.
	Number int `json:"number"`
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
}

// Totals are the sums over a schedule.
type Totals struct {
	// Principal, Interest and Fees are the sums of the columns; Fees are those collected with instalments.
	Principal money.Amount `json:"principal"`
	Interest  money.Amount `json:"interest"`
	Fees      money.Amount `json:"fees"`
	// UpfrontFees are deducted from the money paid out.
	UpfrontFees money.Amount `json:"upfront_fees"`
	// NetDisbursed is what the borrower receives: the principal less UpfrontFees.
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
}

// New returns the schedule of the terms, or the faults of the terms joined:
// each is a *TermsError (see Faults).
func New(t Terms) (*Schedule, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	e := &engine{terms: t.normalised()}
	return e.build()
}

// Hash returns the SHA-256 of the terms and rows in a canonical form, in
// hexadecimal. Two schedules with one hash are the same agreement: an offer is
// bound by it.
func (s *Schedule) Hash() string {
	h := sha256.New()
	terms, err := json.Marshal(s.Terms)
	if err != nil {
		terms = []byte(err.Error()) // terms without currency: never from New
	}
	h.Write(terms)
	for i := range s.Instalments {
		hashRow(h, &s.Instalments[i])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashRow(h hash.Hash, row *Instalment) {
	line := make([]byte, 0, 160)
	line = append(line, '\n')
	line = strconv.AppendInt(line, int64(row.Number), 10)
	line = append(line, ' ')
	line = append(line, row.From.String()...)
	line = append(line, ' ')
	line = append(line, row.Due.String()...)
	amounts := [...]money.Amount{row.Principal, row.Interest, row.Fees, row.Total, row.Earned, row.Opening, row.Closing}
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
