package legacy_test

import (
	"testing"

	"github.com/tenor-lending/tenor/servicing/legacy"
)

func TestAllocationByInstallment(t *testing.T) {
	t.Parallel()
	charges := "01-01 disburse 900\n01-01 add_charge fee=10 due=01-10\n01-01 add_charge fee=5 due=01-20\n"
	check(t, []example{
		{
			name: "oldest first, in one order", loan: cumulative(t), events: charges + "02-05 repayment 400",
			rows: []string{
				"02-01 P300.00 F15.00 paid 315.00 late 315.00 on 02-05",
				"03-01 P300.00 paid 85.00 early 85.00",
				"04-01 P300.00",
			},
			txns: []string{"02-05 repayment P385.00 F15.00 left 515.00"}, status: legacy.Active,
		},
		{
			// The fee of the 10th is due on the 15th, the one of the 20th is not.
			name:   "early money in two rounds, principal first",
			loan:   cumulative(t, ordered("due_penalty_fee_interest_principal_then_advance_principal_penalty_fee_interest")),
			events: charges + "01-15 repayment 100\n01-16 repayment 300",
			rows: []string{
				"02-01 P300.00 F15.00 paid 315.00 early 315.00 on 01-16",
				"03-01 P300.00 paid 85.00 early 85.00",
				"04-01 P300.00",
			},
			txns: []string{"01-15 repayment P90.00 F10.00 left 810.00", "01-16 repayment P295.00 F5.00 left 515.00"},
		},
		{
			name:   "early money in two rounds, the fee last",
			loan:   cumulative(t, ordered("due_penalty_interest_principal_fee_then_advance_penalty_interest_principal_fee")),
			events: charges + "01-15 repayment 100\n01-16 repayment 212",
			rows:   []string{"02-01 P300.00 F15.00 paid 312.00 early 312.00", "03-01 P300.00", "04-01 P300.00"},
			txns:   []string{"01-15 repayment P90.00 F10.00 left 810.00", "01-16 repayment P210.00 F2.00 left 600.00"},
		},
		{
			// 900 × 1 % × 3 = 27, 9 a month; two instalments are due on 5 March.
			name:   "interest of all that is due before any principal",
			loan:   cumulative(t, flat12, ordered("overdue_penalty_fee_interest_then_principal")),
			events: "01-01 disburse 900\n03-05 repayment 30",
			rows: []string{
				"02-01 P300.00 I9.00 paid 21.00 late 21.00",
				"03-01 P300.00 I9.00 paid 9.00 late 9.00",
				"04-01 P300.00 I9.00",
			},
			txns: []string{"03-05 repayment P12.00 I18.00 left 888.00"},
		},
		{
			name: "interest, principal, then charges", loan: cumulative(t, flat12, ordered("interest_principal_penalty_fee")),
			events: "01-01 disburse 900\n01-01 add_charge penalty=4 due=01-10\n02-01 repayment 310",
			rows:   []string{"02-01 P300.00 I9.00 N4.00 paid 310.00", "03-01 P300.00 I9.00", "04-01 P300.00 I9.00"},
			txns:   []string{"02-01 repayment P300.00 I9.00 N1.00 left 600.00"},
		},
	})
}

func TestBackdatingAndReversal(t *testing.T) {
	t.Parallel()
	check(t, []example{
		{
			name: "a backdated payment takes its place", loan: cumulative(t),
			events: "01-01 disburse 900\n02-10 repayment 500\n02-01 repayment 600 recorded=02-12",
			rows: []string{
				"02-01 P300.00 paid 300.00 on 02-01",
				"03-01 P300.00 paid 300.00 early 300.00 on 02-01",
				"04-01 P300.00 paid 300.00 early 300.00 on 02-10",
			},
			txns:   []string{"02-01 repayment P600.00 left 300.00", "02-10 repayment P300.00 over 200.00"},
			status: legacy.Overpaid,
		},
		{
			name: "what is reversed keeps its last split and balance", loan: cumulative(t),
			events: "01-01 disburse 900\n02-01 repayment 100\n02-10 repayment 200\n02-11 reverse target=2",
			rows:   []string{"02-01 P300.00 paid 200.00 late 200.00", "03-01 P300.00", "04-01 P300.00"},
			txns:   []string{"02-01 repayment P100.00 left 800.00 reversed", "02-10 repayment P200.00 left 700.00"},
		},
		{
			name: "the last disbursement is undone with its down payment", loan: cumulative(t, downPayment(true)),
			events: "01-01 disburse 400\n01-20 disburse 200\n01-21 undo_last_disbursement",
			rows:   []string{"01-01 P100.00 paid 100.00 on 01-01", "02-01 P100.00", "03-01 P100.00", "04-01 P100.00"},
			txns:   []string{"01-01 down_payment P100.00 left 300.00"},
		},
		{
			name: "all disbursements are undone", loan: cumulative(t), events: "01-01 disburse 400\n01-20 undo_disbursements",
			rows: []string{"02-01 P300.00", "03-01 P300.00", "04-01 P300.00"}, txns: nil, status: legacy.Approved,
		},
		{
			name: "a write-off closes what is open", loan: cumulative(t),
			events: "01-01 disburse 900\n01-01 add_charge fee=10 due=01-10\n02-01 repayment 100\n05-01 write_off",
			txns:   []string{"02-01 repayment P90.00 F10.00 left 810.00", "05-01 write_off P810.00"},
			status: legacy.ClosedWrittenOff,
		},
	})
}

func TestAllocationByRules(t *testing.T) {
	t.Parallel()
	rules := func(processing, future string) func(*legacy.Loan) {
		return func(l *legacy.Loan) { l.Allocation = advanced(processing, future) }
	}
	// Penalties of 10 in the second and the third instalment; on 2 February the first is past due.
	events := "01-01 disburse 900\n01-01 add_charge penalty=10 due=02-20\n" +
		"01-01 add_charge penalty=10 due=03-20\n02-02 repayment 500"
	check(t, []example{
		{
			name: "horizontal, the next instalment", loan: progressive(t), events: events,
			rows: []string{
				"02-01 P300.00 paid 300.00 late 300.00 on 02-02",
				"03-01 P300.00 N10.00 paid 200.00 early 200.00",
				"04-01 P300.00 N10.00",
			},
			txns: []string{"02-02 repayment P490.00 N10.00 left 410.00"},
		},
		{
			name:   "horizontal, the last instalment",
			loan:   progressive(t, rules("horizontal", "last_installment")),
			events: events,
			rows: []string{
				"02-01 P300.00 paid 300.00 late 300.00 on 02-02",
				"03-01 P300.00 N10.00",
				"04-01 P300.00 N10.00 paid 200.00 early 200.00",
			},
			txns: []string{"02-02 repayment P490.00 N10.00 left 410.00"},
		},
		{
			name: "horizontal, evenly", loan: progressive(t, rules("horizontal", "reamortization")), events: events,
			rows: []string{
				"02-01 P300.00 paid 300.00 late 300.00 on 02-02",
				"03-01 P300.00 N10.00 paid 100.00 early 100.00",
				"04-01 P300.00 N10.00 paid 100.00 early 100.00",
			},
			txns: []string{"02-02 repayment P480.00 N20.00 left 420.00"},
		},
		{
			// Component by component: the penalties of both before the principal of the next.
			name: "vertical, the next instalment", loan: progressive(t, rules("vertical", "next_installment")), events: events,
			rows: []string{
				"02-01 P300.00 paid 300.00 late 300.00 on 02-02",
				"03-01 P300.00 N10.00 paid 190.00 early 190.00",
				"04-01 P300.00 N10.00 paid 10.00 early 10.00",
			},
			txns: []string{"02-02 repayment P480.00 N20.00 left 420.00"},
		},
		{
			// 650 over two: the second takes 300, the third 325, and the 25 that are left.
			name: "what one cannot take goes round again", loan: progressive(t, rules("horizontal", "reamortization")),
			events: "01-01 disburse 900\n01-01 add_charge penalty=100 due=03-20\n02-01 repayment 300\n02-02 repayment 650",
			rows: []string{
				"02-01 P300.00 paid 300.00 on 02-01",
				"03-01 P300.00 paid 300.00 early 300.00 on 02-02",
				"04-01 P300.00 N100.00 paid 350.00 early 350.00",
			},
			status: legacy.Active,
		},
		{
			// 300 principal and 5 fee came in advance; the latest row gives back principal before the fee.
			name: "a cash refund", loan: progressive(t),
			events: "01-01 disburse 900\n01-01 add_charge fee=5 due=02-20\n02-01 repayment 605\n02-02 cash_refund 302",
			rows: []string{
				"02-01 P300.00 paid 300.00 on 02-01",
				"03-01 P300.00 F5.00 paid 3.00 early 3.00",
				"04-01 P300.00",
			},
			txns: []string{"02-01 repayment P600.00 F5.00 left 300.00", "02-02 cash_refund P300.00 F2.00 left 600.00"},
		},
	})
}

func TestOverpaymentIsUsedUp(t *testing.T) {
	t.Parallel()
	check(t, []example{
		{
			name: "by a later charge, on the day of the payment", loan: progressive(t),
			events: "01-01 disburse 900\n01-15 repayment 920\n01-20 add_charge penalty=15 due=01-20",
			rows: []string{
				"02-01 P300.00 N15.00 paid 315.00 early 315.00 on 01-15", "03-01 P300.00 paid 300.00 early 300.00 on 01-15",
				"04-01 P300.00 paid 300.00 early 300.00 on 01-15",
			},
			txns: []string{"01-15 repayment P900.00 N15.00 over 5.00"}, status: legacy.Overpaid,
		},
		{
			// 25 % of 200 is 50, of which the overpayment has paid 20.
			name: "by a later disbursement, whose down payment asks for less", loan: progressive(t, downPayment(true)),
			events: "01-01 disburse 400\n01-10 repayment 320\n01-20 disburse 200",
			rows: []string{
				"01-01 P100.00 paid 100.00 on 01-01", "01-20 P50.00 paid 50.00 on 01-20",
				"02-01 P150.00 paid 100.00 early 100.00",
				"03-01 P150.00 paid 100.00 early 100.00", "04-01 P150.00 paid 100.00 early 100.00",
			},
			txns: []string{
				"01-01 down_payment P100.00 left 300.00",
				"01-10 repayment P300.00 over 20.00",
				"01-20 down_payment P30.00 left 150.00",
			},
		},
		{
			// On the finished schedule of 600.00 the 320.00 pay the second down payment too.
			name: "by a later disbursement of a cumulative loan", loan: cumulative(t, downPayment(true)),
			events: "01-01 disburse 400\n01-10 repayment 320\n01-20 disburse 20",
			rows: []string{
				"01-01 P100.00 paid 100.00 on 01-01", "01-20 P5.00 paid 5.00 early 5.00 on 01-10",
				"02-01 P105.00 paid 105.00 early 105.00 on 01-10",
				"03-01 P105.00 paid 105.00 early 105.00 on 01-10", "04-01 P105.00 paid 105.00 early 105.00 on 01-10",
			},
			status: legacy.Closed,
		},
		{
			name:   "by a refund, without a row",
			loan:   cumulative(t),
			events: "01-01 disburse 900\n02-01 repayment 950\n02-02 credit_balance_refund 50",
			rows: []string{
				"02-01 P300.00 paid 300.00 on 02-01",
				"03-01 P300.00 paid 300.00 early 300.00 on 02-01",
				"04-01 P300.00 paid 300.00 early 300.00 on 02-01",
			},
			txns:   []string{"02-01 repayment P900.00 over 50.00", "02-02 credit_balance_refund over 50.00"},
			status: legacy.Closed,
		},
	})
}

func TestChargebacks(t *testing.T) {
	t.Parallel()
	check(t, []example{
		{
			name:   "on the next instalment",
			loan:   cumulative(t),
			events: "01-01 disburse 900\n02-01 repayment 300\n02-10 chargeback 120 of=2",
			rows:   []string{"02-01 P300.00 paid 300.00 on 02-01", "03-01 P420.00", "04-01 P300.00"},
			txns:   []string{"02-01 repayment P300.00 left 600.00", "02-10 chargeback P120.00 left 720.00"},
		},
		{
			name: "on the last instalment, on its day", loan: cumulative(t),
			events: "01-01 disburse 900\n04-01 repayment 900\n04-01 chargeback 120 of=2",
			rows: []string{
				"02-01 P300.00 paid 300.00 late 300.00 on 04-01",
				"03-01 P300.00 paid 300.00 late 300.00 on 04-01",
				"04-01 P420.00 paid 300.00",
			},
		},
		{
			name: "on an extra one, shared with a later charge", loan: cumulative(t),
			events: "01-01 disburse 900\n04-01 repayment 930\n04-05 chargeback 120 of=2\n04-06 add_charge fee=7 due=04-08",
			rows: []string{
				"02-01 P300.00 paid 300.00 late 300.00 on 04-01",
				"03-01 P300.00 paid 300.00 late 300.00 on 04-01", "04-01 P300.00 paid 300.00 on 04-01",
				"04-08 P120.00 F7.00 paid 30.00 early 30.00",
			},
			// The fee is in the schedule from the start, so the payment pays it and less is overpaid.
			txns: []string{"04-01 repayment P900.00 F7.00 over 23.00", "04-05 chargeback P97.00 over 23.00 left 97.00"},
		},
		{
			// The payment of 2 February was 12 fee and 288 principal: 10 fee first, then 2 fee and 28 principal.
			name: "by a rule, less what was taken back before", loan: progressive(t),
			events: "01-01 disburse 900\n01-01 add_charge fee=12 due=01-20\n02-02 repayment 300\n" +
				"02-10 chargeback 10 of=3\n02-11 chargeback 30 of=3",
			rows: []string{"02-01 P300.00 F12.00 paid 300.00 late 300.00", "03-01 P328.00 F12.00", "04-01 P300.00"},
			txns: []string{
				"02-02 repayment P288.00 F12.00 left 612.00",
				"02-10 chargeback F10.00 left 612.00",
				"02-11 chargeback P28.00 F2.00 left 640.00",
			},
		},
	})
}
