package legacy

import (
	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"
)

// charges adds the charges to the rows. A dated charge belongs to the period
// (from, due]; the first period includes its start. After maturity an extra
// row takes them, due on the latest of them.
func (b *builder) charges() {
	for i := range b.t.Charges {
		c := &b.t.Charges[i]
		switch c.When {
		case "disbursement":
			b.upfront += b.charge(c, b.totals())
		case "each_installment":
			for k := range b.rows {
				if row := &b.rows[k]; !row.DownPayment && !row.Extra {
					row.charge(c.Kind, b.charge(c, [2]int64{row.Principal, row.Interest}))
				}
			}
		default:
			b.dated(c.DueDate).charge(c.Kind, b.charge(c, b.totals()))
		}
	}
}

// charge returns the amount of a charge on a base of principal and interest.
func (b *builder) charge(c *Charge, base [2]int64) int64 {
	n := b.n
	var minor int64
	switch c.Basis {
	case "flat":
		return n.money(c.Value.Apd())
	case "percent_of_principal":
		minor = base[0]
	case "percent_of_interest":
		minor = base[1]
	default:
		minor = base[0] + base[1]
	}
	amount := new(apd.Decimal)
	n.keep(n.wide.Mul(amount, n.decimal(minor), n.percent(c.Value)))
	return n.money(amount)
}

// totals returns principal and interest of the whole loan.
func (b *builder) totals() [2]int64 {
	sums := [2]int64{}
	for k := range b.rows {
		sums[0] += b.rows[k].Principal
		sums[1] += b.rows[k].Interest
	}
	return sums
}

func (r *Row) charge(kind string, minor int64) {
	if kind == "penalty" {
		r.Penalties += minor
		return
	}
	r.Fees += minor
}

// dated returns the row to which a date belongs.
func (b *builder) dated(due civil.Date) *Row {
	for k := range b.rows {
		row := &b.rows[k]
		if !row.DownPayment && !row.Extra && !due.After(row.Due) {
			return row
		}
	}
	last := &b.rows[len(b.rows)-1]
	if !last.Extra {
		b.rows = append(b.rows, Row{Number: last.Number + 1, From: last.Due, Due: due, Extra: true})
		return &b.rows[len(b.rows)-1]
	}
	if due.After(last.Due) {
		last.Due = due
	}
	return last
}
