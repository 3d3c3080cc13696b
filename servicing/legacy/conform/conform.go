package conform

import (
	"fmt"
	"slices"

	"github.com/tenor-lending/tenor/amortization/conform"
	"github.com/tenor-lending/tenor/servicing/legacy"
)

// Runners returns the runners of kinds "events" and "journal".
func Runners() conform.Runners { return conform.Runners{"events": Events, "journal": Journal} }

// run replays the history of a vector.
func run(v conform.Vector) (*legacy.State, *expected, error) {
	var loan legacy.Loan
	if err := conform.Strict(v.Inputs, &loan); err != nil {
		return nil, nil, fmt.Errorf("inputs: %w", err)
	}
	want := new(expected)
	if err := conform.Strict(v.Expected, want); err != nil {
		return nil, nil, fmt.Errorf("expected: %w", err)
	}
	state, err := legacy.Replay(&loan)
	return state, want, err
}

// Events runs a vector of kind events.
func Events(v conform.Vector) error {
	state, want, err := run(v)
	if err != nil {
		return err
	}
	c := &comparison{state: state}
	c.rows(want)
	c.disbursements(want)
	c.transactions(want)
	if want.Status != "" {
		c.equal("loan", "status", want.Status, state.Status())
	}
	c.amount("loan", "total_outstanding", want.TotalOutstanding, state.Outstanding().Total())
	c.amount("loan", "total_overpaid", want.TotalOverpaid, state.Overpaid)
	if c.first != nil {
		return c.first
	}
	return nil
}

// Journal runs a vector of kind journal: each line that it lists occurs among
// those posted for the transactions of the type and date.
func Journal(v conform.Vector) error {
	state, want, err := run(v)
	if err != nil {
		return err
	}
	for i := range want.Transactions {
		x := &want.Transactions[i]
		if x.Date == nil {
			return fmt.Errorf("expected: transaction %d has no date", i+1)
		}
		row := fmt.Sprintf("%s %s", x.Type, x.Date)
		posted := state.Lines(x.Type, *x.Date)
		for _, line := range x.Lines {
			side, minor := "debit", line.Debit
			if line.Credit != nil {
				side, minor = "credit", line.Credit
			}
			if minor == nil {
				return fmt.Errorf("expected: a line of %s has no amount", row)
			}
			text := fmt.Sprintf("%s %s %s", side, line.Account, minor.Fixed(state.Decimals))
			if !slices.ContainsFunc(posted, func(l legacy.Line) bool { return describe(state, l) == text }) {
				got := make([]string, len(posted))
				for k, l := range posted {
					got[k] = describe(state, l)
				}
				return &conform.Difference{Row: row, Field: "lines", Want: text, Got: fmt.Sprint(got)}
			}
		}
	}
	return nil
}

func describe(state *legacy.State, l legacy.Line) string {
	if l.Credit != 0 {
		return fmt.Sprintf("credit %s %s", l.Account, state.Text(l.Credit))
	}
	return fmt.Sprintf("debit %s %s", l.Account, state.Text(l.Debit))
}

// comparison keeps the first difference.
type comparison struct {
	state *legacy.State
	first *conform.Difference
}

func (c *comparison) equal(row, field, want, got string) {
	if c.first == nil && want != got {
		c.first = &conform.Difference{Row: row, Field: field, Want: want, Got: got}
	}
}

func (c *comparison) amount(row, field string, want amount, got int64) {
	if want != nil {
		c.equal(row, field, want.Fixed(c.state.Decimals), c.state.Text(got))
	}
}

func (c *comparison) rows(want *expected) {
	if want.Installments != nil {
		c.equal("table", "rows", fmt.Sprint(len(want.Installments)), fmt.Sprint(len(c.state.Rows)))
		for i := range want.Installments[:min(len(want.Installments), len(c.state.Rows))] {
			c.row(&want.Installments[i], c.state.Rows[i])
		}
	}
	for i := range want.InstallmentsInclude {
		x := &want.InstallmentsInclude[i]
		at := slices.IndexFunc(c.state.Rows, func(r *legacy.Row) bool { return x.DueDate != nil && r.Due == *x.DueDate })
		if at < 0 {
			c.equal("table", "row due", fmt.Sprint(x.DueDate), "none")
			return
		}
		c.row(x, c.state.Rows[at])
	}
	if want.Totals == nil {
		return
	}
	sum := new(legacy.Row)
	for _, r := range c.state.Rows {
		sum.Parts = sum.Plus(r.Parts)
		sum.Paid, sum.Waived = sum.Paid.Plus(r.Paid), sum.Waived.Plus(r.Waived)
		sum.WrittenOff = sum.WrittenOff.Plus(r.WrittenOff)
		sum.Early += r.Early
		sum.Late += r.Late
	}
	upfront := legacy.Parts{Fees: c.state.DisbursementFees()}
	sum.Parts, sum.Paid = sum.Plus(upfront), sum.Paid.Plus(upfront)
	c.sums("totals", want.Totals, sum)
}

func (c *comparison) row(want *expectedRow, got *legacy.Row) {
	row := fmt.Sprintf("instalment %d", got.Number)
	if want.N != nil {
		c.equal(row, "n", fmt.Sprint(*want.N), fmt.Sprint(got.Number))
	}
	if want.DueDate != nil {
		c.equal(row, "due_date", want.DueDate.String(), got.Due.String())
	}
	if want.Days != nil {
		c.equal(row, "days", fmt.Sprint(*want.Days), fmt.Sprint(got.Due.DaysSince(got.From)))
	}
	c.sums(row, want, got)
	c.amount(row, "outstanding_balance", want.OutstandingBalance, got.Balance)
	if want.PaidOn != nil {
		on := "null"
		if !got.PaidOn.IsZero() {
			on = fmt.Sprintf("%q", got.PaidOn)
		}
		c.equal(row, "paid_on", string(want.PaidOn), on)
	}
	if want.RateFactors != nil {
		c.equal(row, "rate_factors", fmt.Sprint(len(want.RateFactors)), fmt.Sprint(len(got.Factors)))
		for i := range want.RateFactors[:min(len(want.RateFactors), len(got.Factors))] {
			c.equal(row, "rate_factor", want.RateFactors[i].Fixed(conform.FactorDecimals), conform.FactorText(got.Factors[i]))
		}
	}
}

// sums compares what rows and totals have in common.
func (c *comparison) sums(row string, want *expectedRow, got *legacy.Row) {
	c.amount(row, "principal", want.Principal, got.Principal)
	c.amount(row, "interest", want.Interest, got.Interest)
	c.amount(row, "fees", want.Fees, got.Fees)
	c.amount(row, "penalties", want.Penalties, got.Penalties)
	c.amount(row, "total_due", want.TotalDue, got.Total())
	c.amount(row, "paid", want.Paid, got.Paid.Total())
	c.amount(row, "paid_early", want.PaidEarly, got.Early)
	c.amount(row, "paid_late", want.PaidLate, got.Late)
	c.amount(row, "waived", want.Waived, got.Waived.Total())
	c.amount(row, "outstanding", want.Outstanding, got.Outstanding())
}

func (c *comparison) disbursements(want *expected) {
	if want.Disbursements == nil {
		return
	}
	got := c.state.Disbursements()
	c.equal("table", "disbursements", fmt.Sprint(len(want.Disbursements)), fmt.Sprint(len(got)))
	for i := range want.Disbursements[:min(len(want.Disbursements), len(got))] {
		d, row := &want.Disbursements[i], fmt.Sprintf("disbursement %d", i+1)
		if d.Date != nil {
			c.equal(row, "date", d.Date.String(), got[i].Date.String())
		}
		c.amount(row, "amount", d.Amount, got[i].Amount)
		c.amount(row, "fees", d.Fees, got[i].Fees)
	}
}

// transactions compares the whole list, and finds the ones to include. The order
// on one day is not compared: the vectors list one history now in one way, now in
// another.
func (c *comparison) transactions(want *expected) {
	left := slices.Clone(c.state.Transactions)
	if want.Transactions != nil {
		c.equal("transactions", "number", fmt.Sprint(len(want.Transactions)), fmt.Sprint(len(left)))
	}
	for i := range want.Transactions {
		left = c.find(&want.Transactions[i], left)
	}
	left = c.state.Transactions
	for i := range want.TransactionsInclude {
		left = c.find(&want.TransactionsInclude[i], left)
	}
}

// find takes a transaction from the list, or notes what differs in the nearest one.
func (c *comparison) find(want *expectedTransaction, list []*legacy.Transaction) []*legacy.Transaction {
	row := fmt.Sprintf("%s %s", want.Type, want.Date)
	nearest := &conform.Difference{Row: row, Field: "transaction", Want: "one", Got: "none"}
	for i, t := range list {
		one := &comparison{state: c.state}
		one.transaction(row, want, t)
		if one.first == nil {
			return slices.Delete(slices.Clone(list), i, i+1)
		}
		if t.Type == want.Type && want.Date != nil && t.Date == *want.Date {
			nearest = one.first
		}
	}
	if c.first == nil {
		c.first = nearest
	}
	return list
}

func (c *comparison) transaction(row string, want *expectedTransaction, got *legacy.Transaction) {
	if want.Date != nil {
		c.equal(row, "date", want.Date.String(), got.Date.String())
	}
	if want.Type != "" {
		c.equal(row, "type", want.Type, got.Type)
	}
	c.amount(row, "amount", want.Amount, got.Amount)
	c.amount(row, "principal", want.Principal, got.Principal)
	c.amount(row, "interest", want.Interest, got.Interest)
	c.amount(row, "fees", want.Fees, got.Fees)
	c.amount(row, "penalties", want.Penalties, got.Penalties)
	c.amount(row, "overpaid", want.Overpaid, got.Overpaid)
	c.amount(row, "balance", want.Balance, got.Balance)
	if want.Reversed != nil {
		c.equal(row, "reversed", fmt.Sprint(*want.Reversed), fmt.Sprint(got.Reversed))
	}
}
