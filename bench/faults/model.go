package faults

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
)

// split is how a payment is divided, in minor units.
type split struct{ Principal, Interest, Fees, Overpaid int64 }

func (s split) total() int64 { return s.Principal + s.Interest + s.Fees + s.Overpaid }

// row is an instalment of the model: what is open of it.
type row struct{ fees, interest, principal int64 }

func (r row) open() int64 { return r.fees + r.interest + r.principal }

// loanModel is a loan as this package understands the contract, in a few lines
// that share nothing with the platform's: a payment covers instalments, the
// oldest first, and of each fees before interest before principal; what is left
// after the last one is owed to the borrower. Payments count from their value
// dates: one that is booked late is divided as if it had come in time.
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
	var dated []booked
	for _, p := range payments {
		if m.open() == 0 {
			faults = append(faults, fmt.Sprintf("loan %s: payment %s was booked after the last cent", loan, p.id))
		}
		at := len(dated)
		for at > 0 && dated[at-1].on.After(p.on) {
			at--
		}
		late := at < len(dated)
		dated = slices.Insert(dated, at, p)
		var want split
		if late {
			want = m.refold(dated, at)
		} else {
			want = m.pay(p.minor)
		}
		if want != p.split {
			faults = append(faults, fmt.Sprintf("loan %s: payment %s of %d is split %+v, the model says %+v",
				loan, p.id, p.minor, p.split, want))
		}
	}
	return faults
}

// refold lives through all payments anew and returns how the one at the place is
// divided.
func (m *loanModel) refold(dated []booked, at int) (here split) {
	*m = *newLoanModel(m.schedule)
	for i := range dated {
		if s := m.pay(dated[i].minor); i == at {
			here = s
		}
	}
	return here
}
