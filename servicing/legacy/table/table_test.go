package table_test

import (
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

func on(month, day int) civil.Date { return civil.Date{Year: 2024, Month: time.Month(month), Day: day} }

// two are instalments of 100 principal, 10 interest, 5 fee and 1 penalty, due in
// February and March; the fee of the first is due on 10 January, the penalty on the 20th.
func two() []*table.Row {
	rows := []*table.Row{
		{From: on(1, 1), Due: on(2, 1), Parts: table.Parts{Principal: 100, Interest: 10}},
		{From: on(2, 1), Due: on(3, 1), Parts: table.Parts{Principal: 100, Interest: 10}},
	}
	charge := func(r *table.Row, kind string, due civil.Date, amount int64) {
		r.Bear(&table.Charge{Charge: plan.Charge{Kind: kind, When: "on_date", DueDate: due}}, amount)
	}
	charge(rows[0], "fee", on(1, 10), 5)
	charge(rows[0], "penalty", on(1, 20), 1)
	charge(rows[1], "fee", on(2, 10), 5)
	charge(rows[1], "penalty", on(2, 20), 1)
	return rows
}

func TestOrders(t *testing.T) {
	t.Parallel()
	full := table.Parts{Principal: 100, Interest: 10, Fees: 5, Penalties: 1}
	for _, x := range []struct {
		order  string
		day    civil.Date
		amount int64
		want   [2]table.Parts
		rest   int64
	}{
		{
			"penalty_fee_interest_principal", on(2, 1), 17,
			[2]table.Parts{{Principal: 1, Interest: 10, Fees: 5, Penalties: 1}},
			0,
		},
		{"principal_interest_penalty_fee", on(1, 5), 104, [2]table.Parts{{Principal: 100, Interest: 4}}, 0},
		{
			"penalty_fee_interest_principal", on(3, 5), 300,
			[2]table.Parts{full, full},
			68,
		},
		{ // both are due: charges and interest of both, 32, before any principal
			"overdue_penalty_fee_interest_then_principal", on(3, 5), 40,
			[2]table.Parts{{Principal: 8, Interest: 10, Fees: 5, Penalties: 1}, {Interest: 10, Fees: 5, Penalties: 1}},
			0,
		},
		{ // the fee is due on the 15th, the penalty is not, and interest comes last
			"due_penalty_fee_interest_principal_then_advance_principal_penalty_fee_interest", on(1, 15), 106,
			[2]table.Parts{{Principal: 100, Fees: 5, Penalties: 1}},
			0,
		},
		{
			"due_penalty_interest_principal_fee_then_advance_penalty_interest_principal_fee", on(1, 15), 12,
			[2]table.Parts{{Interest: 6, Fees: 5, Penalties: 1}},
			0,
		},
	} {
		order, err := table.ParseOrder(x.order)
		if err != nil {
			t.Fatal(err)
		}
		rows, money := two(), &table.Money{On: x.day, Rest: x.amount}
		order.Lay(money, rows)
		got := [2]table.Parts{rows[0].Paid, rows[1].Paid}
		if diff := cmp.Diff(x.want, got); diff != "" || money.Rest != x.rest {
			t.Errorf("%s: rest %d, paid (-want +got):\n%s", x.order, money.Rest, diff)
		}
		if sum := got[0].Plus(got[1]); money.Split != sum {
			t.Errorf("%s: split %+v, paid %+v", x.order, money.Split, sum)
		}
	}
}

func TestOrdersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "penalty", "penalty_fee_interest_interest", "penalty_fee_interest_tea", "due_penalty_then_principal",
		"overdue_penalty_fee_interest_then_fee", "due_penalty_fee_interest_principal_then_advance_fee",
		"due_tea_then_advance_tea",
	} {
		if _, err := table.ParseOrder(text); !errors.Is(err, table.ErrOrder) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, names := range [][]string{{"penalty"}, {"due_tea"}, {"later_fee"}, {"due_fee", "due_fee"}, {""}} {
		if _, err := table.ParseSteps(names); !errors.Is(err, table.ErrOrder) {
			t.Errorf("%q: %v", names, err)
		}
	}
	steps, err := table.ParseSteps([]string{"past_due_fee", "in_advance_principal"})
	want := []table.Step{{When: table.PastDue, Component: table.Fee}, {When: table.InAdvance, Component: table.Principal}}
	if diff := cmp.Diff(want, steps); diff != "" || err != nil {
		t.Errorf("steps: %v (-want +got):\n%s", err, diff)
	}
}

// TestRow follows one row: paid in part before, settled on and reopened after its date.
func TestRow(t *testing.T) {
	t.Parallel()
	r := two()[0]
	fee := r.Shares[0].Charge
	if took := r.Pay(table.Fee, on(1, 15), 3); took != 3 || r.OpenOf(fee) != 2 || r.Early != 3 {
		t.Errorf("took %d, open %d, early %d", took, r.OpenOf(fee), r.Early)
	}
	fee.Waived, fee.WaivedOn = 2, on(1, 16)
	if took := r.Waive(fee, 2); took != 2 || r.OpenOf(fee) != 0 || r.Outstanding() != 111 {
		t.Errorf("waived %d, open %d, outstanding %d", took, r.OpenOf(fee), r.Outstanding())
	}
	for _, c := range table.Components {
		r.Pay(c, on(2, 3), 200)
	}
	if r.Outstanding() != 0 || r.PaidOn != on(2, 3) || r.Late != 111 {
		t.Errorf("outstanding %d, paid on %s, late %d", r.Outstanding(), r.PaidOn, r.Late)
	}
	if took := r.Unpay(table.Principal, 40); took != 40 || r.Early != 0 || r.Late != 74 {
		t.Errorf("took back %d, early %d, late %d", took, r.Early, r.Late)
	}
	r.Settle(on(2, 4))
	if !r.PaidOn.IsZero() || r.Release(on(2, 5)) != 40 || r.PaidOn != on(2, 5) || r.Principal != 60 {
		t.Errorf("paid on %s, principal %d", r.PaidOn, r.Principal)
	}
	if !r.Regular() || r.Period().Days() != 31 {
		t.Errorf("regular %t, %d days", r.Regular(), r.Period().Days())
	}
}

func TestChargeDates(t *testing.T) {
	t.Parallel()
	r := two()[0]
	dated := &table.Charge{Charge: plan.Charge{When: "on_date", DueDate: on(1, 10)}, Recorded: on(1, 12)}
	each := &table.Charge{Charge: plan.Charge{When: "each_installment"}, Recorded: on(1, 12)}
	if dated.Due(r) != on(1, 10) || each.Due(r) != r.Due {
		t.Errorf("due on %s and %s", dated.Due(r), each.Due(r))
	}
	if dated.Effective() != on(1, 10) || each.Effective() != on(1, 12) {
		t.Errorf("effective on %s and %s", dated.Effective(), each.Effective())
	}
	dated.DueDate = on(1, 20)
	if dated.Effective() != on(1, 12) {
		t.Errorf("effective on %s, before it was recorded", dated.Effective())
	}
}
