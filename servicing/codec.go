package servicing

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
)

// codecVersion is the first byte of an encoded loan: a new form is a new
// version, and DecodeLoan reads every version that is still stored somewhere.
const codecVersion = 1

// EncodeLoan writes the state of a loan in a compact binary form. The terms are
// in it as JSON, because that is the form in which they were signed; all
// amounts are varints of minor units in the currency of the loan.
//
// It is a snapshot of the fold and nothing more: Replay gives the same loan.
func EncodeLoan(l *Loan) ([]byte, error) {
	terms, err := json.Marshal(l.Terms)
	if err != nil {
		return nil, fmt.Errorf("encoding terms of loan %s: %w", l.ID, err)
	}
	allocation, err := json.Marshal(l.Allocation)
	if err != nil {
		return nil, fmt.Errorf("encoding allocation order of loan %s: %w", l.ID, err)
	}
	const head, rowSize = 256, 40
	w := &encoder{data: make([]byte, 0, head+len(terms)+rowSize*len(l.Instalments))}
	w.data = append(w.data, codecVersion)
	for _, id := range []uuid.UUID{l.ID, l.ApplicationID, l.CustomerID, l.BookID, l.Disbursement.ID} {
		w.data = append(w.data, id[:]...)
	}
	w.text(string(l.Status))
	w.text(string(terms))
	w.text(l.ScheduleHash)
	w.text(string(allocation))
	w.number(l.Overpaid.Minor())
	if d := &l.Disbursement; d.ID != uuid.Nil {
		for _, amount := range []money.Amount{d.Gross, d.Net, d.LenderFees, d.ThirdPartyFees} {
			w.number(amount.Minor())
		}
	}
	for _, date := range []civil.Date{l.ActivatedOn, l.DisbursedOn, l.LastPaidOn, l.RepaidOn, l.ClosedOn} {
		w.date(date)
	}
	w.number(l.Version)
	w.number(int64(len(l.Instalments)))
	for i := range l.Instalments {
		row := &l.Instalments[i]
		w.number(int64(row.Number))
		w.date(row.Due)
		w.parts(row.Charged)
		w.parts(row.Accrued)
		w.parts(row.Paid)
		w.date(row.OverdueOn)
	}
	return w.data, nil
}

// DecodeLoan reads what EncodeLoan wrote. The error is ErrCorrupt.
func DecodeLoan(data []byte) (Loan, error) {
	r := &decoder{data: data}
	if version := r.take(1); len(version) != 1 || version[0] != codecVersion {
		return Loan{}, fmt.Errorf("%w: a stored loan of an unknown version", ErrCorrupt)
	}
	var l Loan
	for _, id := range []*uuid.UUID{&l.ID, &l.ApplicationID, &l.CustomerID, &l.BookID, &l.Disbursement.ID} {
		copy(id[:], r.take(len(id)))
	}
	l.Status = Status(r.text())
	if err := json.Unmarshal(r.textBytes(), &l.Terms); err != nil {
		return Loan{}, fmt.Errorf("%w: terms of loan %s: %w", ErrCorrupt, l.ID, err)
	}
	r.currency = l.Currency()
	l.ScheduleHash = r.text()
	if err := json.Unmarshal(r.textBytes(), &l.Allocation); err != nil {
		return Loan{}, fmt.Errorf("%w: allocation order of loan %s: %w", ErrCorrupt, l.ID, err)
	}
	l.Overpaid = r.amount()
	if d := &l.Disbursement; d.ID != uuid.Nil {
		d.Gross, d.Net, d.LenderFees, d.ThirdPartyFees = r.amount(), r.amount(), r.amount(), r.amount()
	}
	for _, date := range []*civil.Date{&l.ActivatedOn, &l.DisbursedOn, &l.LastPaidOn, &l.RepaidOn, &l.ClosedOn} {
		*date = r.date()
	}
	l.Version = r.number()
	count := r.number()
	if count < 0 || count > int64(len(data)) { // a row takes more than a byte
		return Loan{}, fmt.Errorf("%w: loan %s has %d instalments", ErrCorrupt, l.ID, count)
	}
	l.Instalments = make([]Instalment, count)
	for i := range l.Instalments {
		row := &l.Instalments[i]
		row.Number, row.Due = int(r.number()), r.date()
		row.Charged, row.Accrued, row.Paid = r.parts(), r.parts(), r.parts()
		row.OverdueOn = r.date()
	}
	if r.short || len(r.data) > 0 {
		return Loan{}, fmt.Errorf("%w: the stored state of loan %s has another length", ErrCorrupt, l.ID)
	}
	return l, nil
}

type encoder struct{ data []byte }

func (w *encoder) number(n int64) { w.data = binary.AppendVarint(w.data, n) }

func (w *encoder) text(s string) {
	w.number(int64(len(s)))
	w.data = append(w.data, s...)
}

// Dates are year, month and day in one number; zero is no date.
const (
	dayBits   = 5
	monthBits = 4
)

func (w *encoder) date(d civil.Date) {
	w.number(int64(d.Year)<<(monthBits+dayBits) | int64(d.Month)<<dayBits | int64(d.Day))
}

func (w *encoder) parts(p Parts) {
	for _, part := range []money.Amount{p.Principal, p.Interest, p.Fees, p.Penalties} {
		w.number(part.Minor())
	}
}

type decoder struct {
	data     []byte
	currency money.Currency
	short    bool
}

// take returns the next n bytes, or none and notes that there are fewer.
func (r *decoder) take(n int) []byte {
	if n < 0 || n > len(r.data) {
		r.short, r.data = true, nil
		return nil
	}
	taken := r.data[:n]
	r.data = r.data[n:]
	return taken
}

func (r *decoder) number() int64 {
	n, size := binary.Varint(r.data)
	if size <= 0 {
		r.short, r.data = true, nil
		return 0
	}
	r.data = r.data[size:]
	return n
}

func (r *decoder) textBytes() []byte { return r.take(int(r.number())) }
func (r *decoder) text() string      { return string(r.textBytes()) }

func (r *decoder) date() civil.Date {
	n := r.number()
	return civil.Date{
		Year: int(n >> (monthBits + dayBits)), Month: time.Month(n >> dayBits & (1<<monthBits - 1)),
		Day: int(n & (1<<dayBits - 1)),
	}
}

func (r *decoder) amount() money.Amount { return money.New(r.number(), r.currency) }

func (r *decoder) parts() Parts {
	return Parts{Principal: r.amount(), Interest: r.amount(), Fees: r.amount(), Penalties: r.amount()}
}
