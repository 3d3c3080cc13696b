package conform

import (
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/amortization/legacy"
)

// ExpectedRow is an instalment of expected. Only fields that are present count.
type ExpectedRow struct {
	N                  *int                   `json:"n"`
	DueDate            *civil.Date            `json:"due_date"`
	Days               *int                   `json:"days"`
	Principal          *amortization.Decimal  `json:"principal"`
	Interest           *amortization.Decimal  `json:"interest"`
	Fees               *amortization.Decimal  `json:"fees"`
	Penalties          *amortization.Decimal  `json:"penalties"`
	TotalDue           *amortization.Decimal  `json:"total_due"`
	OutstandingBalance *amortization.Decimal  `json:"outstanding_balance"`
	RateFactors        []amortization.Decimal `json:"rate_factors"`
}

// ExpectedTotals are the sums of expected.
type ExpectedTotals struct {
	Principal *amortization.Decimal `json:"principal"`
	Interest  *amortization.Decimal `json:"interest"`
	Fees      *amortization.Decimal `json:"fees"`
	Penalties *amortization.Decimal `json:"penalties"`
	TotalDue  *amortization.Decimal `json:"total_due"`
}

// expectedSchedule is what a vector of kind schedule may state.
type expectedSchedule struct {
	Installments        []ExpectedRow   `json:"installments"`
	InstallmentsInclude []ExpectedRow   `json:"installments_include"`
	Totals              *ExpectedTotals `json:"totals"`
	Disbursements       []struct {
		Date   *civil.Date           `json:"date"`
		Amount *amortization.Decimal `json:"amount"`
		Fees   *amortization.Decimal `json:"fees"`
	} `json:"disbursements"`
}

// Schedule runs a vector of kind schedule.
func Schedule(v Vector) error {
	var terms legacy.Terms
	if err := Strict(v.Inputs, &terms); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	var want expectedSchedule
	if err := Strict(v.Expected, &want); err != nil {
		return fmt.Errorf("expected: %w", err)
	}
	table, err := legacy.Build(terms)
	if err != nil {
		return err
	}
	c := &comparison{table: table}
	if want.Installments != nil {
		c.equal("table", "rows", fmt.Sprint(len(want.Installments)), fmt.Sprint(len(table.Rows)))
		for i := range want.Installments[:min(len(want.Installments), len(table.Rows))] {
			c.row(&want.Installments[i], &table.Rows[i])
		}
	}
	for i := range want.InstallmentsInclude {
		c.included(&want.InstallmentsInclude[i])
	}
	c.disbursements(&want, &terms)
	if want.Totals != nil {
		c.totals(want.Totals)
	}
	if c.first != nil {
		return c.first
	}
	return nil
}

// comparison keeps the first difference.
type comparison struct {
	table *legacy.Table
	first *Difference
}

func (c *comparison) equal(row, field, want, got string) {
	if c.first == nil && want != got {
		c.first = &Difference{Row: row, Field: field, Want: want, Got: got}
	}
}

func (c *comparison) amount(row, field string, want *amortization.Decimal, got int64) {
	if want != nil {
		c.equal(row, field, want.Fixed(c.table.Decimals), c.table.Text(got))
	}
}

func (c *comparison) row(want *ExpectedRow, got *legacy.Row) {
	row := fmt.Sprintf("instalment %d", got.Number)
	if want.N != nil {
		c.equal(row, "n", fmt.Sprint(*want.N), fmt.Sprint(got.Number))
	}
	if want.DueDate != nil {
		c.equal(row, "due_date", want.DueDate.String(), got.Due.String())
	}
	if want.Days != nil {
		c.equal(row, "days", fmt.Sprint(*want.Days), fmt.Sprint(got.Days()))
	}
	c.amount(row, "principal", want.Principal, got.Principal)
	c.amount(row, "interest", want.Interest, got.Interest)
	c.amount(row, "fees", want.Fees, got.Fees)
	c.amount(row, "penalties", want.Penalties, got.Penalties)
	c.amount(row, "total_due", want.TotalDue, got.TotalDue())
	c.amount(row, "outstanding_balance", want.OutstandingBalance, got.Balance)
	if want.RateFactors != nil {
		c.equal(row, "rate_factors", fmt.Sprint(len(want.RateFactors)), fmt.Sprint(len(got.Factors)))
		for i := range want.RateFactors[:min(len(want.RateFactors), len(got.Factors))] {
			c.equal(row, "rate_factor", want.RateFactors[i].Fixed(FactorDecimals), FactorText(got.Factors[i]))
		}
	}
}

// FactorDecimals is how many decimals of a rate factor a vector states.
const FactorDecimals = 12

// FactorText writes a rate factor with FactorDecimals.
func FactorText(d *apd.Decimal) string {
	ctx := apd.Context{Precision: 40, MaxExponent: 100, MinExponent: -100, Rounding: apd.RoundHalfEven}
	var rounded apd.Decimal
	if _, err := ctx.Quantize(&rounded, d, -FactorDecimals); err != nil {
		return d.String()
	}
	return rounded.Text('f')
}

// included finds the row of the same due date (and number, where one is given).
func (c *comparison) included(want *ExpectedRow) {
	var found *legacy.Row
	for i := range c.table.Rows {
		row := &c.table.Rows[i]
		if want.DueDate != nil && row.Due == *want.DueDate && (want.N == nil || *want.N == row.Number) {
			found = row
		}
	}
	if found == nil {
		due := "no due date"
		if want.DueDate != nil {
			due = want.DueDate.String()
		}
		c.equal("table", "row", due, "none")
		return
	}
	c.row(want, found)
}

func (c *comparison) disbursements(want *expectedSchedule, terms *legacy.Terms) {
	if want.Disbursements == nil {
		return
	}
	c.equal("table", "disbursements", fmt.Sprint(len(want.Disbursements)), "1")
	for i := range want.Disbursements {
		d := &want.Disbursements[i]
		if d.Date != nil {
			c.equal("disbursement", "date", d.Date.String(), terms.DisbursementDate.String())
		}
		if d.Amount != nil {
			c.equal("disbursement", "amount", d.Amount.Fixed(c.table.Decimals), terms.Principal.Fixed(c.table.Decimals))
		}
		c.amount("disbursement", "fees", d.Fees, c.table.DisbursementFees)
	}
}

func (c *comparison) totals(want *ExpectedTotals) {
	var sum legacy.Row
	sum.Fees = c.table.DisbursementFees
	for i := range c.table.Rows {
		row := &c.table.Rows[i]
		sum.Principal += row.Principal
		sum.Interest += row.Interest
		sum.Fees += row.Fees
		sum.Penalties += row.Penalties
	}
	c.amount("totals", "principal", want.Principal, sum.Principal)
	c.amount("totals", "interest", want.Interest, sum.Interest)
	c.amount("totals", "fees", want.Fees, sum.Fees)
	c.amount("totals", "penalties", want.Penalties, sum.Penalties)
	c.amount("totals", "total_due", want.TotalDue, sum.TotalDue())
}
