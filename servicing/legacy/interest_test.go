package legacy_test

import (
	"testing"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/servicing/legacy"
)

// plus applies more changes to the terms of an example.
func plus(changes ...func(*legacy.Loan)) func(*legacy.Loan) {
	return func(l *legacy.Loan) {
		for _, change := range changes {
			change(l)
		}
	}
}

// TestRecalculation: 900.00 at 12 % of 365 days. The annuity on months of 30 days is
// 0.0098630…: 306.0… a month; the first interest 900 × 0.12/365 × 31 = 9.17.
func TestRecalculation(t *testing.T) {
	t.Parallel()
	loan := func(advance string, changes ...func(*legacy.Loan)) *legacy.Loan {
		one := amortization.MustDecimal("1")
		whole := func(l *legacy.Loan) { l.InstallmentMultiple = &one }
		return cumulative(t, append([]func(*legacy.Loan){interest, recalculated(advance), whole}, changes...)...)
	}
	byPeriod := func(l *legacy.Loan) { l.Recalculation.Rest = "same_as_repayment" }
	compounded := func(l *legacy.Loan) { l.Recalculation.Compounding = "interest" }
	check(t, []example{
		{
			// 900: 9.17; 603.17 × 29 days: 5.75; 302.92 × 31 days: 3.09.
			name: "paid on time", loan: loan("smaller_installments"), events: "01-01 disburse 900\n02-01 repayment 306",
			rows: []string{"02-01 P296.83 I9.17 paid 306.00 on 02-01", "03-01 P300.25 I5.75", "04-01 P302.92 I3.09"},
		},
		{
			// Until 11 February 900 bear interest, 10 days 2.96; then 603.17, 19 days 3.77.
			name: "overdue principal bears interest until today", loan: loan("smaller_installments"),
			events: "01-01 disburse 900\n02-11 end_of_day",
			rows:   []string{"02-01 P296.83 I9.17", "03-01 P299.27 I6.73", "04-01 P303.90 I3.10"},
		},
		{
			// 909.17 for 10 days 2.99, then 603.17 for 19 days 3.77.
			name: "so does overdue interest that compounds", loan: loan("smaller_installments", compounded),
			events: "01-01 disburse 900\n02-11 end_of_day",
			rows:   []string{"02-01 P296.83 I9.17", "03-01 P299.24 I6.76", "04-01 P303.93 I3.10"},
		},
		{
			// 900 for the whole period of 29 days: 8.58.
			name: "with another rest for the whole period", loan: loan("smaller_installments", byPeriod),
			events: "01-01 disburse 900\n02-11 end_of_day",
			rows:   []string{"02-01 P296.83 I9.17", "03-01 P297.42 I8.58", "04-01 P305.75 I3.12"},
		},
		{
			// 10 days on 900, 2.96, and 21 on 800, 5.52; planned 297.52.
			name: "money before the due date cuts the base", loan: loan("smaller_installments"),
			events: "01-01 disburse 900\n01-11 repayment 100",
			rows:   []string{"02-01 P297.52 I8.48 paid 100.00 early 100.00", "03-01 P300.26 I5.74", "04-01 P302.22 I3.08"},
		},
		{
			// 500 - 9.17 = 490.83 on the due date; 409.17 over two months of 0.98630 %: 207.6…, 208.
			name: "excess makes the instalments smaller", loan: loan("smaller_installments"),
			events: "01-01 disburse 900\n02-01 repayment 500",
			rows:   []string{"02-01 P490.83 I9.17 paid 500.00 on 02-01", "03-01 P204.10 I3.90", "04-01 P205.07 I2.09"},
		},
		{
			name: "or fewer", loan: loan("fewer_installments"), events: "01-01 disburse 900\n02-01 repayment 650",
			rows: []string{"02-01 P640.83 I9.17 paid 650.00 on 02-01", "03-01 P259.17 I2.47"},
		},
		{
			// 490.83 is 194 more than planned: 302.10 - 194 = 108.10 in the next.
			name:   "or shortens the next ones",
			loan:   loan("skip_next_installments"),
			events: "01-01 disburse 900\n02-01 repayment 500",
			rows:   []string{"02-01 P490.83 I9.17 paid 500.00 on 02-01", "03-01 P108.10 I3.90", "04-01 P301.07 I3.07"},
		},
		{
			// The money of 11 January waits: interest 9.17 first, 490.83 principal.
			name: "money waits for the due date with another rest", loan: loan("smaller_installments", byPeriod),
			events: "01-01 disburse 900\n01-11 repayment 500",
			rows: []string{
				"02-01 P490.83 I9.17 paid 500.00 early 500.00 on 01-11",
				"03-01 P204.10 I3.90",
				"04-01 P205.07 I2.09",
			},
		},
		{
			name: "paying all that is outstanding settles the plan", loan: loan("smaller_installments"),
			events: "01-01 disburse 900\n01-11 repayment 918.01",
			rows: []string{
				"02-01 P296.83 I9.17 paid 306.00 early 306.00 on 01-11", "03-01 P300.25 I5.75 paid 306.00 early 306.00 on 01-11",
				"04-01 P302.92 I3.09 paid 306.01 early 306.01 on 01-11",
			},
			status: legacy.Closed,
		},
		{
			// 10 days on 900 are 2.96, and the loan ends there.
			name: "paid off on a day", loan: loan("smaller_installments"), events: "01-01 disburse 900\n01-11 pay_off",
			rows: []string{"02-01 P900.00 I2.96 paid 902.96 early 902.96 on 01-11"}, status: legacy.Closed,
			txns: []string{"01-11 accrual I2.96", "01-11 repayment P900.00 I2.96"},
		},
		{
			// The first period was over on 11 February: the money of 11 March changes the third alone.
			name: "a period that is over stays", loan: loan("smaller_installments"),
			events: "01-01 disburse 900\n02-11 repayment 306\n03-11 repayment 100",
			rows: []string{
				"02-01 P296.83 I9.17 paid 306.00 late 306.00 on 02-11", "03-01 P299.27 I6.73 paid 100.00 late 100.00",
				// 603.17 for 10 days 1.98, then 303.90 for 21 days 2.10
				"04-01 P303.90 I4.08",
			},
		},
	})
}

// TestProgressiveInterest: 900.00 at 1 % a month over three months: 306.02, the
// last 306.02 too: 9.00 + 297.02, 6.03 + 299.99, 3.03 + 302.99.
func TestProgressiveInterest(t *testing.T) {
	t.Parallel()
	toEnd := func(l *legacy.Loan) { l.Recalculation.EarlyCloseInterest = "until_period_end" }
	check(t, []example{
		{
			name: "as planned", loan: progressive(t, interest), events: "01-01 disburse 900",
			rows: []string{"02-01 P297.02 I9.00", "03-01 P299.99 I6.03", "04-01 P302.99 I3.03"},
		},
		{
			// 602.98 × 1 % × 14/29 = 2.91 until 15 February, then principal up to 306.02.
			name:   "paid off in the second month",
			loan:   progressive(t, interest),
			events: "01-01 disburse 900\n02-01 repayment 306.02\n02-15 pay_off",
			rows: []string{
				"02-01 P297.02 I9.00 paid 306.02 on 02-01",
				"03-01 P303.11 I2.91 paid 306.02 early 306.02 on 02-15",
				"04-01 P299.87 paid 299.87 early 299.87 on 02-15",
			},
			txns: []string{
				"02-01 repayment P297.02 I9.00 left 602.98", "02-15 accrual I11.91", "02-15 repayment P602.98 I2.91",
			},
			status: legacy.Closed,
		},
		{
			name:   "paid off with the interest of the whole period",
			loan:   progressive(t, interest, toEnd),
			events: "01-01 disburse 900\n02-01 repayment 306.02\n02-15 pay_off",
			rows: []string{
				"02-01 P297.02 I9.00 paid 306.02 on 02-01",
				"03-01 P299.99 I6.03 paid 306.02 early 306.02 on 02-15",
				"04-01 P302.99 paid 302.99 early 302.99 on 02-15",
			},
			status: legacy.Closed,
		},
		{
			// 14/29 on 602.98 is 2.91, 15/29 on 502.98 is 2.60.
			name:   "a part in advance cuts the balance",
			loan:   progressive(t, interest),
			events: "01-01 disburse 900\n02-01 repayment 306.02\n02-15 repayment 100",
			rows: []string{
				"02-01 P297.02 I9.00 paid 306.02 on 02-01",
				"03-01 P300.51 I5.51 paid 100.00 early 100.00",
				"04-01 P302.47 I3.02",
			},
		},
		{
			// After 15 February 299.87 bear interest: 15/29 are 1.55, which pass to the third month.
			name:   "what a period does not cover passes on",
			loan:   progressive(t, interest),
			events: "01-01 disburse 900\n02-01 repayment 306.02\n02-15 repayment 306.02",
			rows: []string{
				"02-01 P297.02 I9.00 paid 306.02 on 02-01",
				"03-01 P303.11 I2.91 paid 306.02 early 306.02 on 02-15",
				"04-01 P299.87 I4.55",
			},
		},
		{
			// The first 10 of 29 days on 900, 3.10, and 19 on 602.98, 3.95.
			name:   "overdue principal bears interest until the business date",
			loan:   progressive(t, interest),
			events: "01-01 disburse 900\n02-11 end_of_day",
			rows:   []string{"02-01 P297.02 I9.00", "03-01 P298.97 I7.05", "04-01 P304.01 I3.04"},
		},
		{
			// 2 % from 1 March: 302.99 × 2 % = 6.06.
			name:   "another rate",
			loan:   progressive(t, interest),
			events: "01-01 disburse 900\n01-05 reschedule from=03-01 rate=24",
			rows:   []string{"02-01 P297.02 I9.00", "03-01 P299.99 I6.03", "04-01 P302.99 I6.06"},
		},
	})
}

func TestRestructuring(t *testing.T) {
	t.Parallel()
	declining := plus(interest, func(l *legacy.Loan) { l.InterestPeriod = "same_as_repayment" })
	check(t, []example{
		{
			name:   "a date moves, and all after it",
			loan:   cumulative(t),
			events: "01-01 disburse 900\n01-05 reschedule from=03-01 to=03-15\n01-06 reschedule from=03-15 to=03-20",
			rows:   []string{"02-01 P300.00", "03-20 P300.00", "04-20 P300.00"},
		},
		{
			name:   "more instalments share what is left",
			loan:   cumulative(t),
			events: "01-01 disburse 900\n01-05 reschedule from=03-01 extra=2",
			rows:   []string{"02-01 P300.00", "03-01 P150.00", "04-01 P150.00", "05-01 P150.00", "06-01 P150.00"},
		},
		{
			name:   "grace adds instalments",
			loan:   cumulative(t),
			events: "01-01 disburse 900\n01-05 reschedule from=03-01 grace=1",
			rows:   []string{"02-01 P300.00", "03-01 on 01-01", "04-01 P300.00", "05-01 P300.00"},
		},
		{
			// 306.02 at 1 %; then 602.98 over two at 2 %: 310.56.
			name:   "another rate",
			loan:   cumulative(t, declining),
			events: "01-01 disburse 900\n01-05 reschedule from=03-01 rate=24",
			rows:   []string{"02-01 P297.02 I9.00", "03-01 P298.50 I12.06", "04-01 P304.48 I6.09"},
		},
		{
			// 300 a month, then (900 + 300)/3, the last takes the rest.
			name: "more is disbursed", loan: cumulative(t), events: "01-01 disburse 900\n02-15 disburse 300",
			rows: []string{"02-01 P300.00", "03-01 P400.00", "04-01 P500.00"},
		},
		{
			name: "after the last due date", loan: cumulative(t), events: "01-01 disburse 900\n04-15 disburse 300",
			rows: []string{"02-01 P300.00", "03-01 P300.00", "04-01 P300.00", "05-01 P300.00"},
		},
		{
			// 900: 1 % is 9; then 600 and 15/29 of the month 900, the annuity is for 1200 over three: 408.03.
			name:   "more is disbursed, with interest",
			loan:   cumulative(t, declining),
			events: "01-01 disburse 900\n02-15 disburse 300",
			rows:   []string{"02-01 P297.02 I9.00", "03-01 P400.45 I7.58", "04-01 P502.53 I5.03"},
		},
		{
			name:   "re-age",
			loan:   progressive(t),
			events: "01-01 disburse 900\n02-01 repayment 100\n04-10 re_age count=3 first=05-01",
			rows: []string{
				"02-01 P100.00 paid 100.00 on 04-10", "03-01 on 04-10", "04-01 on 04-10",
				"05-01 P266.67", "06-01 P266.67", "07-01 P266.66",
			},
			txns: []string{"02-01 repayment P100.00 left 800.00", "04-10 re_age P800.00"},
		},
		{
			name:   "re-age, reversed",
			loan:   progressive(t),
			events: "01-01 disburse 900\n04-10 re_age count=3 first=05-01\n04-11 reverse target=2",
			rows:   []string{"02-01 P300.00", "03-01 P300.00", "04-01 P300.00"}, txns: []string{"04-10 re_age P900.00 reversed"},
		},
		{
			name: "re-amortize", loan: progressive(t), events: "01-01 disburse 900\n02-05 repayment 99.99\n02-10 re_amortize",
			rows: []string{"02-01 P99.99 paid 99.99 late 99.99 on 02-10", "03-01 P400.00", "04-01 P400.01"},
			txns: []string{"02-05 repayment P99.99 left 800.01", "02-10 re_amortize P200.01"},
		},
	})
}
