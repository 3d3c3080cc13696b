package verdict

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// Currency is that of every amount of a drill.
var Currency = money.MustCurrency("INR")

// DrawSchedule draws the terms of a loan that the model understands: equal
// instalments, one fee, nothing that accrues with time. The business date is that
// of the disbursement; the first instalment is due within a month of it. The same
// dice draw the same loan. No terms that it draws are refused: an error is a
// fault of this function.
func DrawSchedule(dice *rand.Rand, business civil.Date) (*amortization.Schedule, error) {
	principal := 300_000 + dice.Int64N(9_000_000)
	due := business.AddDays(1 + dice.IntN(28))
	s, err := amortization.New(amortization.Terms{
		Principal: money.New(principal, Currency), AnnualRatePercent: amortization.MustDecimal("15"),
		Instalments: 12 + dice.IntN(13), DisbursementDate: business, FirstDueDate: due,
		Fees: []amortization.Fee{{Name: "processing", Percent: amortization.MustDecimal("1")}},
	})
	if err != nil {
		return nil, fmt.Errorf("drawing a loan: %w", err)
	}
	return s, nil
}

// split is how a payment is divided, in minor units.
type split struct{ Principal, Interest, Fees, Overpaid int64 }

func (s split) total() int64 { return s.Principal + s.Interest + s.Fees + s.Overpaid }

// row is an instalment of the model: what is open of it.
type row struct{ fees, interest, principal int64 }

func (r row) open() int64 { return r.fees + r.interest + r.principal }

// loanModel is a loan as this package understands the contract, in a few lines
// that share nothing with the platform's: a payment covers instalments, the
// oldest first, and of each fees before interest before principal; what is left
// after the last one is owed to the borrower.
type loanModel struct {
	schedule  *amortization.Schedule
	rows      []row
	principal int64
	paid      split
}

// newLoanModel takes the plan that was signed.
func newLoanModel(s *amortization.Schedule) *loanModel {
	m := &loanModel{schedule: s, principal: s.Terms.Principal.Minor()}
	for i := range s.Len() {
		r := s.At(i)
		m.rows = append(m.rows, row{r.Fees.Minor(), r.Interest.Minor(), r.Principal.Minor()})
	}
	return m
}

// pay replays one payment and returns how it is divided.
func (m *loanModel) pay(minor int64) split {
	var s split
	take := func(open, into *int64) {
		part := min(*open, minor)
		*open -= part
		*into += part
		minor -= part
	}
	for i := range m.rows {
		take(&m.rows[i].fees, &s.Fees)
		take(&m.rows[i].interest, &s.Interest)
		take(&m.rows[i].principal, &s.Principal)
	}
	s.Overpaid = minor
	m.paid.Principal += s.Principal
	m.paid.Interest += s.Interest
	m.paid.Fees += s.Fees
	m.paid.Overpaid += s.Overpaid
	return s
}

// open is all that is owed by the plan.
func (m *loanModel) open() int64 {
	var sum int64
	for _, r := range m.rows {
		sum += r.open()
	}
	return sum
}

// owed is the principal that is not repaid: the balance of the loan's account.
func (m *loanModel) owed() int64 { return m.principal - m.paid.Principal }

// status is where the loan stands once it was paid out.
func (m *loanModel) status() string {
	if m.open() == 0 {
		return "CLOSED"
	}
	return "ACTIVE"
}

// booked is a payment as the platform announces it.
type booked struct {
	id    string
	minor int64
	split split
	on    civil.Date
}

// replay lets the model live through the committed payments of a loan, in the
// order of their versions, and says where the platform thinks otherwise.
func (m *loanModel) replay(loan string, payments []booked) (faults []string) {
	for i, p := range payments {
		if m.open() == 0 {
			faults = append(faults, fmt.Sprintf("loan %s: payment %s was booked after the last cent", loan, p.id))
		}
		want := m.pay(p.minor)
		if want != p.split && m.inItsPlace(payments[:i+1], p.id) != p.split {
			faults = append(faults, fmt.Sprintf("loan %s: payment %s of %d is split %+v, the model says %+v",
				loan, p.id, p.minor, p.split, want))
		}
	}
	return faults
}

// inItsPlace divides payments in the order of their value dates, and within a day
// of their ids, and returns how the named one comes out: so a payment is divided
// that was booked when its value date was over. What the loan owes in the end is
// the same in any order.
func (m *loanModel) inItsPlace(payments []booked, id string) split {
	dated := slices.Clone(payments)
	slices.SortFunc(dated, func(a, b booked) int {
		return cmp.Or(a.on.Compare(b.on), strings.Compare(a.id, b.id))
	})
	other := newLoanModel(m.schedule)
	for _, p := range dated {
		if s := other.pay(p.minor); p.id == id {
			return s
		}
	}
	return split{}
}
