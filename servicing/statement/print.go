package statement

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"time"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/pdfdoc"
	"github.com/tenor-lending/tenor/servicing"
)

// The kinds of the first and the last row of a printed statement.
const (
	kindOpening = "OPENING"
	kindClosing = "CLOSING"
)

// CSV returns the statement for a spreadsheet: the opening position, the lines
// and the closing position. Amounts are in decimal notation; in the columns
// after the date and kind are what a line is about, how a payment was split,
// what was moved, and what was there after it. The first and the last row say at
// which instant it was known, if not now.
func (s *Statement) CSV() ([]byte, error) {
	rows := [][]string{{
		"value_date", "booked_on", "kind", "text", "payment_id", "currency", "amount",
		"paid_principal", "paid_interest", "paid_fees", "paid_penalties", "paid_too_much",
		"principal", "interest", "fees", "penalties", "overpaid",
		"principal_balance", "interest_balance", "fees_balance", "penalties_balance", "overpaid_balance",
	}}
	none := servicing.NoBalance(s.Currency)
	edge := func(kind string, on civil.Date, balance servicing.Balance) {
		row := []string{on.String(), "", kind, s.known(), "", s.Currency.Code(), "", "", "", "", "", ""}
		rows = append(rows, append(append(row, cells(none)...), cells(balance)...))
	}
	edge(kindOpening, s.From, s.Opening)
	for i := range s.Lines {
		line := &s.Lines[i]
		row := []string{
			line.On.String(), dateOr(line.Booked), line.Kind, line.Text, "", s.Currency.Code(), line.Amount.Text(),
		}
		if line.Allocation != nil {
			row[4] = line.PaymentID.String()
			row = append(row, cells(*line.Allocation)...)
		} else {
			row = append(row, "", "", "", "", "")
		}
		rows = append(rows, append(append(row, cells(line.Change)...), cells(line.Balance)...))
	}
	edge(kindClosing, s.Through, s.Closing)
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing the statement of loan %s: %w", s.LoanID, err)
	}
	return out.Bytes(), nil
}

// known says what is left out; "" if nothing is.
func (s *Statement) known() string {
	if s.KnownAt.IsZero() {
		return ""
	}
	return "as known at " + s.KnownAt.UTC().Format(time.RFC3339Nano)
}

func cells(b servicing.Balance) []string {
	return []string{
		b.Principal.Text(), b.Interest.Text(), b.Fees.Text(), b.Penalties.Text(), b.Overpaid.Text(),
	}
}

func dateOr(on civil.Date) string {
	if on.IsZero() {
		return ""
	}
	return on.String()
}

// columns of a printed statement.
var columns = []pdfdoc.Column{
	{Title: "Date", Width: 20, Align: "L"},
	{Title: "What", Width: 76, Align: "L"},
	{Title: "Amount", Width: 27, Align: "R"},
	{Title: "Principal", Width: 27, Align: "R"},
	{Title: "Interest", Width: 24, Align: "R"},
	{Title: "Fees", Width: 22, Align: "R"},
	{Title: "Penalties", Width: 22, Align: "R"},
	{Title: "Overpaid", Width: 22, Align: "R"},
	{Title: "Owed", Width: 27, Align: "R"},
}

// PDF returns the statement for people, as made by a lender at a moment. The
// columns of components say what a line moved, and in the rows between them
// where the account stands.
func (s *Statement) PDF(lender string, at time.Time) ([]byte, error) {
	title := "Statement of account"
	d := pdfdoc.New(title+" "+s.LoanID.String(), "Loan "+s.LoanID.String(), at, pdfdoc.Landscape)
	d.Title(title)
	d.Row("Lender", lender)
	d.Row("Loan", s.LoanID.String())
	d.Row("Borrower (customer reference)", s.CustomerID.String())
	d.Row("Period", s.From.String()+" to "+s.Through.String())
	if known := s.known(); known != "" {
		d.Row("What counts", known)
	}
	d.Row("Made on", at.UTC().Format(time.DateOnly))
	d.Heading("Account, amounts in " + s.Currency.Code())
	rows := make([][]string, 0, len(s.Lines)+1)
	rows = append(rows, standing("Opening position", s.From, s.Opening))
	for i := range s.Lines {
		rows = append(rows, s.Lines[i].printed()...)
	}
	d.Table(columns, rows, standing("Closing position", s.Through, s.Closing))
	pdf, err := d.Bytes()
	if err != nil {
		return nil, fmt.Errorf("statement of loan %s: %w", s.LoanID, err)
	}
	return pdf, nil
}

func standing(what string, on civil.Date, b servicing.Balance) []string {
	return append(append([]string{on.String(), what, ""}, cells(b)...), owed(b).Text())
}

// owed is what is receivable less what is overpaid.
func owed(b servicing.Balance) money.Amount {
	return money.New(b.Total().Minor()-b.Overpaid.Minor(), b.Overpaid.Currency())
}

// printed are the rows of a line: of a payment that moved something else than it
// was split into, after a charge-off, one says how it was split.
func (l *Line) printed() [][]string {
	text := l.Text
	if !l.Booked.IsZero() {
		text += ", booked " + l.Booked.String()
	}
	row := append([]string{l.On.String(), text, l.Amount.Text()}, moved(l.Change)...)
	rows := [][]string{append(row, owed(l.Balance).Text())}
	if l.Allocation != nil && l.Change.IsZero() {
		split := append([]string{"", "  of which", ""}, moved(*l.Allocation)...)
		rows = append(rows, append(split, ""))
	}
	return rows
}

// moved leaves out what is zero.
func moved(b servicing.Balance) []string {
	row := cells(b)
	for i, amount := range []money.Amount{b.Principal, b.Interest, b.Fees, b.Penalties, b.Overpaid} {
		if amount.IsZero() {
			row[i] = ""
		}
	}
	return row
}
