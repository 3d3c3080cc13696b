// Package scheduleview shows schedules of package amortization: as a table, as
// CSV, Markdown or JSON, and drawn for a terminal or as SVG.
//
// It only shows: every figure comes from the schedule. It must not calculate
// money, and the floating point in it places ink on a picture and nothing else.
package scheduleview

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// ErrFormat means that there is no such format.
var ErrFormat = errors.New("unknown format")

// Formats lists the names that Write knows.
func Formats() []string { return []string{"table", "csv", "markdown", "json", "chart", "svg"} }

// Write shows a schedule in a format.
func Write(w io.Writer, s *amortization.Schedule, format string) error {
	switch format {
	case "table":
		return Table(w, s)
	case "csv":
		return CSV(w, s)
	case "markdown":
		return Markdown(w, s)
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(s)
	case "chart":
		return Chart(w, s)
	case "svg":
		return SVG(w, s)
	}
	return fmt.Errorf("%w %q, want one of %s", ErrFormat, format, strings.Join(Formats(), ", "))
}

// column is a column of a table.
type column struct {
	name string
	text func(*amortization.Instalment) string
	sum  money.Amount
}

// columns returns the columns that the schedule has anything in.
func columns(s *amortization.Schedule) []column {
	type instalment = amortization.Instalment
	amount := func(of func(*instalment) money.Amount) func(*instalment) string {
		return func(row *instalment) string {
			a := of(row)
			return money.New(a.Minor(), s.Terms.Principal.Currency()).Text()
		}
	}
	all := []column{
		{name: "opening", text: amount(func(r *instalment) money.Amount { return r.Opening })},
		{name: "disbursed", text: amount(func(r *instalment) money.Amount { return r.Disbursed })},
		{name: "principal", text: amount(func(r *instalment) money.Amount { return r.Principal }), sum: s.Totals.Principal},
		{name: "interest", text: amount(func(r *instalment) money.Amount { return r.Interest }), sum: s.Totals.Interest},
		{
			name: "capitalised", text: amount(func(r *instalment) money.Amount { return r.Capitalised }),
			sum: s.Totals.Capitalised,
		},
		{name: "fees", text: amount(func(r *instalment) money.Amount { return r.Fees }), sum: s.Totals.Fees},
		{name: "total", text: amount(func(r *instalment) money.Amount { return r.Total }), sum: s.Totals.Total},
		{name: "closing", text: amount(func(r *instalment) money.Amount { return r.Closing })},
	}
	optional := map[string]bool{"disbursed": true, "capitalised": true, "fees": true}
	var kept []column
	for _, c := range all {
		if !optional[c.name] || hasAny(s, c) {
			kept = append(kept, c)
		}
	}
	return kept
}

func hasAny(s *amortization.Schedule, c column) bool {
	none := money.Zero(s.Terms.Principal.Currency()).Text()
	for _, row := range s.All() {
		if c.text(&row) != none {
			return true
		}
	}
	return false
}

// lines returns the header, the rows and the sums as text.
func lines(s *amortization.Schedule) (header []string, rows [][]string, sums []string) {
	shown := columns(s)
	header, sums = []string{"no", "due", "days"}, []string{"", "", ""}
	for _, c := range shown {
		header = append(header, c.name)
		text := ""
		if !c.sum.Currency().IsZero() {
			text = c.sum.Text()
		}
		sums = append(sums, text)
	}
	for _, row := range s.All() {
		line := []string{strconv.Itoa(row.Number), row.Due.String(), strconv.Itoa(row.Due.DaysSince(row.From))}
		for _, c := range shown {
			line = append(line, c.text(&row))
		}
		rows = append(rows, line)
	}
	return header, rows, sums
}

// Table writes a table for people, with the sums and the key facts below.
func Table(w io.Writer, s *amortization.Schedule) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	header, rows, sums := lines(s)
	all := append(append([][]string{header}, rows...), sums)
	for _, line := range all {
		if _, err := fmt.Fprintln(table, strings.Join(line, "\t")+"\t"); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return facts(w, s)
}

// facts writes the key facts, or why there are none.
func facts(w io.Writer, s *amortization.Schedule) error {
	k, err := amortization.Disclose(s)
	if err != nil {
		_, err = fmt.Fprintf(w, "\nNo annual percentage rate: %v.\n", err)
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s disbursed, %s paid back: interest %s, charges %s.\nAPR %s %%, effective %s %% a year.\n",
		k.NetDisbursed, k.TotalPaid, k.TotalInterest.Text(), k.TotalCharges.Text(),
		k.APRPercent.Fixed(2), k.EffectiveAnnualPercent.Fixed(2))
	return err
}

// CSV writes the rows as comma-separated values with a header.
func CSV(w io.Writer, s *amortization.Schedule) error {
	out := csv.NewWriter(w)
	header, rows, _ := lines(s)
	if err := out.Write(header); err != nil {
		return err
	}
	return out.WriteAll(rows)
}

// Markdown writes the rows and their sums as a Markdown table.
func Markdown(w io.Writer, s *amortization.Schedule) error {
	header, rows, sums := lines(s)
	rule := make([]string, len(header))
	for i := range rule {
		rule[i] = "---:"
	}
	for _, line := range append(append([][]string{header, rule}, rows...), sums) {
		if _, err := fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | ")); err != nil {
			return err
		}
	}
	return nil
}
