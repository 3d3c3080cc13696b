package bankfile

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/tenor-lending/tenor/internal/money"
)

// entry reads one Ntry. Entries that are not booked (pending, for information)
// are passed over. An entry that sums up transactions becomes a line for each,
// when their amounts are given and make the entry's; else it is one line.
func (r *camtReader) entry(s *camtStatement, start xml.StartElement) error {
	r.entries++
	r.tokens.record = 0
	r.tokens.guard.allow(r.tokens.guard.read, entryBytesMax, func() *Fault {
		return fault(r.place(), "", "has more than %d bytes", entryBytesMax)
	})
	var e camtEntry
	err := r.xml.DecodeElement(&e, &start)
	r.tokens.record = RecordBytesMax
	if err != nil {
		return err
	}
	place := r.place()
	status := strings.TrimSpace(e.Status.Code + e.Status.Text)
	if status != "BOOK" && status != "" {
		return nil
	}
	line := Line{Place: place}
	if line.Amount, err = r.amount(e.Amount, e.Mark, place, "entry"); err != nil {
		return renamed(err)
	}
	if line.Amount.IsZero() {
		return nil // a notice; it moves nothing
	}
	if line.BookingDate, err = r.date(e.Booking, place, "BookgDt"); err != nil {
		return err
	}
	line.ValueDate = line.BookingDate
	if e.Value != (camtDate{}) {
		if line.ValueDate, err = r.date(e.Value, place, "ValDt"); err != nil {
			return err
		}
	}
	bank := e.Bank
	if bank == "" {
		bank = e.Reference
	}
	if line.BankReference, err = reference(place, "AcctSvcrRef", bank); err != nil {
		return err
	}
	lines, err := r.split(line, e)
	if err != nil {
		return err
	}
	r.lines += len(lines)
	if r.lines > LinesMax {
		return fmt.Errorf("%w: more than %d lines", ErrTooLarge, LinesMax)
	}
	s.Lines = append(s.Lines, lines...)
	return nil
}

// renamed gives a fault of the entry's own amount its own path.
func renamed(err error) error {
	if f, ok := err.(*Fault); ok { //nolint:errorlint // made one line above
		f.Field = strings.TrimPrefix(f.Field, "entry.")
	}
	return err
}

// split makes the lines of an entry.
func (r *camtReader) split(whole Line, e camtEntry) ([]Line, error) {
	if len(e.Details) > detailsMax {
		return nil, fault(whole.Place, "NtryDtls", "has more than %d transactions", detailsMax)
	}
	if len(e.Details) == 0 {
		whole.Text = tidy(e.Addition)
		return []Line{whole}, nil
	}
	if len(e.Details) == 1 {
		err := describe(&whole, &e.Details[0], e.Addition)
		return []Line{whole}, err
	}
	parts := make([]Line, len(e.Details))
	sum := money.Zero(r.currency)
	complete := true
	for i := range e.Details {
		d := &e.Details[i]
		part := whole
		part.Place = fmt.Sprintf("%s.TxDtls[%d]", whole.Place, i+1)
		amount, ok := r.partAmount(d, e.Mark)
		if ok {
			var err error
			sum, err = sum.Add(amount)
			ok = err == nil
		}
		complete = complete && ok
		part.Amount = amount
		if err := describe(&part, d, ""); err != nil {
			return nil, err
		}
		parts[i] = part
	}
	if complete && sum == whole.Amount {
		return parts, nil
	}
	var words []string
	for _, part := range parts {
		words = append(words, part.Reference, part.Text)
	}
	whole.Text = tidy(strings.Join(append(words, e.Addition), " "))
	return []Line{whole}, nil
}

// partAmount is the amount of one transaction of an entry; false if it is not
// given in the account's currency.
func (r *camtReader) partAmount(d *camtDetail, mark string) (money.Amount, bool) {
	given := d.Amount
	if given.Text == "" {
		given = d.InAmounts
	}
	if d.Mark != "" {
		mark = d.Mark
	}
	amount, err := r.amount(given, mark, "", "")
	return amount, err == nil && !amount.IsZero()
}

// describe fills in what a transaction says about a line.
func describe(line *Line, d *camtDetail, addition string) error {
	var err error
	if line.Reference, err = reference(line.Place, "Refs.EndToEndId", d.EndToEnd); err != nil {
		return err
	}
	if line.Reference == "" && len(d.Structure) > 0 {
		if line.Reference, err = reference(line.Place, "RmtInf.Strd.CdtrRefInf.Ref", d.Structure[0]); err != nil {
			return err
		}
	}
	if d.Bank != "" {
		if line.BankReference, err = reference(line.Place, "Refs.AcctSvcrRef", d.Bank); err != nil {
			return err
		}
	}
	other := d.Debtor
	if line.Amount.IsNegative() {
		other = d.Creditor
	}
	line.Counterparty = tidy(other.Name + other.New)
	words := append([]string{}, d.Text...)
	words = append(words, d.Structure...)
	line.Text = tidy(strings.Join(append(words, d.Mandate, d.Addition, addition), " "))
	return nil
}
