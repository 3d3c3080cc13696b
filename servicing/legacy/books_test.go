package legacy_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tenor-lending/tenor/amortization"
	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/history"
)

// flat12 makes the loan bear flat interest of 1 % a month.
func flat12(l *legacy.Loan) {
	interest(l)
	l.InterestType, l.InterestPeriod = "flat", "same_as_repayment"
}

func TestCharges(t *testing.T) {
	t.Parallel()
	check(t, []example{
		{
			name: "a waiver shows only what was accrued", loan: cumulative(t),
			events: "01-01 disburse 900\n01-01 add_charge fee=20 due=01-10\n01-11 end_of_day\n" +
				"01-12 repayment 5\n01-20 waive_charge charge=2",
			rows: []string{"02-01 P300.00 F20.00 paid 5.00 early 5.00 waived 15.00", "03-01 P300.00", "04-01 P300.00"},
			txns: []string{
				"01-10 accrual F20.00",
				"01-10 charge_waiver F15.00 left 900.00",
				"01-12 repayment F5.00 left 900.00",
			},
		},
		{
			name: "a reversed waiver is owed again", loan: cumulative(t),
			events: "01-01 disburse 900\n01-01 add_charge fee=20 due=01-30\n" +
				"01-20 waive_charge charge=2\n01-21 reverse target=3",
			rows: []string{"02-01 P300.00 F20.00", "03-01 P300.00", "04-01 P300.00"},
			txns: []string{"01-20 charge_waiver left 900.00 reversed"},
		},
		{
			// After maturity: one row, due on the later charge.
			name: "after maturity", loan: progressive(t),
			events: "01-01 disburse 900\n01-01 add_charge fee=20 due=04-10\n01-01 add_charge penalty=3 due=04-05",
			rows:   []string{"02-01 P300.00", "03-01 P300.00", "04-01 P300.00", "04-10 F20.00 N3.00"},
		},
		{
			// 2 % of 300 in each; 1 % of 900 and 36 interest… at 12 % a year: 9 each month.
			name: "percentages",
			loan: cumulative(t, flat12),
			events: "01-01 disburse 900\n01-01 add_charge fee=2 when=each_installment basis=percent_of_principal\n" +
				"01-01 add_charge penalty=10 basis=percent_of_interest due=02-10\n" +
				"01-01 add_charge penalty=1 basis=percent_of_principal_and_interest due=03-10",
			rows: []string{"02-01 P300.00 I9.00 F6.00", "03-01 P300.00 I9.00 F6.00 N2.70", "04-01 P300.00 I9.00 F6.00 N9.27"},
		},
		{
			name: "with the disbursement, and of the terms", loan: cumulative(t, func(l *legacy.Loan) {
				l.Charges = []plan.Charge{
					{Kind: "fee", When: "disbursement", Basis: "percent_of_principal", Value: amortization.MustDecimal("1.5")},
					{Kind: "penalty", When: "on_date", Basis: "flat", Value: amortization.MustDecimal("4"), DueDate: day(t, "02-10")},
				}
			}),
			events: "01-01 disburse 900", rows: []string{"02-01 P300.00", "03-01 P300.00 N4.00", "04-01 P300.00"},
			txns: []string{"01-01 fee_at_disbursement F13.50 left 900.00"},
		},
		{
			name: "an adjustment pays", loan: cumulative(t),
			events: "01-01 disburse 900\n01-01 add_charge fee=20 due=01-10\n02-01 repayment 320\n" +
				"02-10 charge_adjustment 20 charge=2",
			rows: []string{
				"02-01 P300.00 F20.00 paid 320.00 on 02-01",
				"03-01 P300.00 paid 20.00 early 20.00",
				"04-01 P300.00",
			},
			txns: []string{"02-01 repayment P300.00 F20.00 left 600.00", "02-10 charge_adjustment P20.00 left 580.00"},
		},
	})
	s := replay(t, cumulative(t), "01-01 add_charge fee=9 when=disbursement\n01-01 disburse 900")
	if d := s.Disbursements(); len(d) != 1 || d[0].Fees != 900 || s.DisbursementFees() != 900 {
		t.Errorf("disbursements %+v, fees %d", d, s.DisbursementFees())
	}
	if d := replay(t, cumulative(t), "01-01 mark_fraud").Disbursements(); len(d) != 1 || d[0].Amount != 90_000 {
		t.Errorf("planned disbursement %+v", d)
	}
}

func TestAccruals(t *testing.T) {
	t.Parallel()
	recorded := func(l *legacy.Loan) { l.AccrueChargesOn = "recorded_date" }
	keep := func(l *legacy.Loan) { no := false; l.AccrueRestAtClose = &no }
	check(t, []example{
		{
			// 9 for 31 days: 0.58 in two; the first time only yesterday, then every day.
			name: "every day up to yesterday, the first time only yesterday", loan: cumulative(t, flat12),
			events: "01-01 disburse 900\n01-04 end_of_day\n01-06 end_of_day\n01-06 end_of_day",
			txns:   []string{"01-03 accrual I0.58", "01-04 accrual I0.29", "01-05 accrual I0.29"},
		},
		{
			name: "up to a date", loan: cumulative(t, flat12), events: "01-01 disburse 900\n02-11 accrue",
			txns: []string{"02-11 accrual I12.10"}, // 9 and 10/29 of 9
		},
		{
			name: "charges when they are due", loan: cumulative(t),
			events: "01-01 disburse 900\n01-01 add_charge fee=10 due=01-10\n01-10 end_of_day\n01-12 end_of_day",
			txns:   []string{"01-10 accrual F10.00"},
		},
		{
			name: "or when they were recorded", loan: cumulative(t, recorded),
			events: "01-01 disburse 900\n01-03 add_charge fee=10 due=01-10\n01-04 end_of_day",
			txns:   []string{"01-03 accrual F10.00"},
		},
		{
			name: "the rest when the loan closes", loan: cumulative(t, flat12),
			events: "01-01 disburse 900\n01-02 add_charge fee=10 due=03-10\n01-03 end_of_day\n01-10 repayment 937",
			txns:   []string{"01-02 accrual I0.29", "01-10 accrual I26.71 F10.00", "01-10 repayment P900.00 I27.00 F10.00"},
			status: legacy.Closed,
		},
		{
			name:   "unless the loan says otherwise",
			loan:   cumulative(t, flat12, keep),
			events: "01-01 disburse 900\n01-10 repayment 927",
			txns:   []string{"01-10 repayment P900.00 I27.00"}, status: legacy.Closed,
		},
		{
			// 5 days of 9/31 are 1.45, of which 0.29 was accrued before the charge-off.
			name: "nothing while charged off", loan: cumulative(t, flat12),
			events: "01-01 disburse 900\n01-03 end_of_day\n01-03 charge_off\n01-06 end_of_day\n" +
				"01-06 reverse target=3\n01-07 end_of_day",
			txns: []string{"01-02 accrual I0.29", "01-03 charge_off P900.00 I27.00 reversed", "01-06 accrual I1.16"},
		},
	})
}

func TestJournal(t *testing.T) {
	t.Parallel()
	due := "01-01 disburse 900\n01-01 add_charge fee=20 due=01-10\n01-01 add_charge penalty=5 due=01-12\n"
	for _, x := range []struct {
		name, events, kind, on string
		loan                   *legacy.Loan
		want                   []string
	}{
		{
			"a disbursement", due, "disbursement", "01-01", cumulative(t),
			[]string{"C fund_source 900.00", "D principal_receivable 900.00"},
		},
		{
			"a payment through a channel", due + "02-01 repayment 925.50 channel=cash", "repayment", "02-01",
			cumulative(t, func(l *legacy.Loan) { l.FundSourceByChannel = map[string]string{"cash": "till"} }),
			[]string{
				"C fee_receivable 20.00",
				"C overpayment_liability 0.50",
				"C penalty_receivable 5.00",
				"C principal_receivable 900.00",
				"D till 925.50",
			},
		},
		{
			"a payment that is reversed", due + "02-01 repayment 25\n" +
				"02-02 reverse target=4", "repayment", "02-01", cumulative(t),
			[]string{
				"C fee_receivable 20.00",
				"C fund_source 25.00",
				"C penalty_receivable 5.00",
				"D fee_receivable 20.00",
				"D fund_source 25.00",
				"D penalty_receivable 5.00",
			},
		},
		{
			"an accrual", due + "01-11 end_of_day", "accrual", "01-10", cumulative(t),
			[]string{"C fee_income 20.00", "D fee_receivable 20.00"},
		},
		{
			"a goodwill credit", due + "02-01 goodwill_credit 926", "goodwill_credit", "02-01", cumulative(t),
			[]string{
				"C fee_receivable 20.00", "C overpayment_liability 1.00", "C penalty_receivable 5.00",
				"C principal_receivable 900.00",
				"D goodwill_expense 901.00", "D goodwill_fee_income 20.00", "D goodwill_penalty_income 5.00",
			},
		},
		{
			"a waiver of what was accrued", due + "01-11 end_of_day\n" +
				"01-12 waive_charge charge=2", "charge_waiver", "01-10", cumulative(t),
			[]string{"C fee_receivable 20.00", "D fee_income 20.00"},
		},
		{
			"an adjustment", due + "01-20 charge_adjustment 6 charge=2", "charge_adjustment", "01-20", cumulative(t),
			[]string{"C fee_receivable 1.00", "C penalty_receivable 5.00", "D fee_income 6.00"},
		},
		{
			"a charge-off", due + "03-01 charge_off", "charge_off", "03-01", cumulative(t),
			[]string{
				"C fee_receivable 20.00", "C penalty_receivable 5.00", "C principal_receivable 900.00",
				"D charge_off_fee_income 20.00", "D charge_off_loss 900.00", "D charge_off_penalty_income 5.00",
			},
		},
		{
			"a charge-off for fraud", "01-01 disburse 900\n03-01 mark_fraud\n" +
				"03-01 charge_off", "charge_off", "03-01", cumulative(t),
			[]string{"C principal_receivable 900.00", "D charge_off_fraud_loss 900.00"},
		},
		{
			"a receipt after a charge-off", due + "03-01 charge_off\n03-02 repayment 100", "repayment", "03-02", cumulative(t),
			[]string{"C recovery_income 100.00", "D fund_source 100.00"},
		},
		{
			"a refund by the merchant after a charge-off", due + "03-01 charge_off\n" +
				"03-02 merchant_issued_refund 100", "merchant_issued_refund", "03-02", cumulative(t),
			[]string{
				"C charge_off_fee_income 20.00",
				"C charge_off_loss 75.00",
				"C charge_off_penalty_income 5.00",
				"D fund_source 100.00",
			},
		},
		{
			"a chargeback", due + "02-01 repayment 100\n02-02 chargeback 40 of=4", "chargeback", "02-02", cumulative(t),
			[]string{"C fund_source 40.00", "D principal_receivable 40.00"},
		},
		{
			// Of 30 taken back from 930, 5 was overpaid: the fee of 20 is covered by it first.
			"a chargeback by rule, part of it overpaid", due + "02-01 repayment 930\n" +
				"02-02 chargeback 30 of=4", "chargeback", "02-02", progressive(t),
			[]string{
				"C fund_source 30.00",
				"D fee_receivable 20.00",
				"D overpayment_liability 5.00",
				"D principal_receivable 5.00",
			},
		},
		{
			"a refund of an overpayment", due + "02-01 repayment 930\n" +
				"02-02 credit_balance_refund 5", "credit_balance_refund", "02-02", cumulative(t),
			[]string{"C fund_source 5.00", "D overpayment_liability 5.00"},
		},
		{
			"a cash refund", "01-01 disburse 900\n02-01 repayment 300\n" +
				"02-02 cash_refund 5", "cash_refund", "02-02", cumulative(t),
			[]string{"C fund_source 5.00", "D principal_receivable 5.00"},
		},
		{
			"a write-off", due + "05-01 write_off", "write_off", "05-01", cumulative(t),
			[]string{
				"C fee_receivable 20.00",
				"C penalty_receivable 5.00",
				"C principal_receivable 900.00",
				"D write_off_loss 925.00",
			},
		},
		{
			"a fee at disbursement", "01-01 add_charge fee=9 when=disbursement\n" +
				"01-01 disburse 900", "fee_at_disbursement", "01-01", cumulative(t),
			[]string{"C fee_income 9.00", "D fund_source 9.00"},
		},
		{
			"a disbursement that uses up an overpayment", "01-01 disburse 500\n01-02 repayment 510\n" +
				"01-03 disburse 100", "disbursement", "01-03", progressive(t),
			[]string{"C fund_source 100.00", "D overpayment_liability 10.00", "D principal_receivable 90.00"},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := replay(t, x.loan, x.events)
			var got []string
			for _, l := range s.Lines(x.kind, day(t, x.on)) {
				if l.Debit != 0 {
					got = append(got, fmt.Sprintf("D %s %s", l.Account, s.Text(l.Debit)))
				} else {
					got = append(got, fmt.Sprintf("C %s %s", l.Account, s.Text(l.Credit)))
				}
			}
			slices.Sort(got)
			same(t, "lines", x.want, got)
		})
	}
}

// TestRefused: what contradicts itself is an error that says where.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, events := range []string{
		"01-01 song", "01-01 disburse", "01-01 disburse 900\n01-02 repayment", "01-01 disburse 900\n01-02 reverse target=1",
		"01-01 disburse 900\n01-02 reverse target=7", "01-01 disburse 900\n01-02 repayment 1\n01-03 reverse target=2\n" +
			"01-04 reverse target=2",
		"01-01 disburse 900\n01-02 chargeback 1 of=9", "01-01 disburse 900\n01-02 chargeback of=1", "01-01 disburse 900\n" +
			"01-02 add_charge due=02-01",
		"01-01 disburse 900\n01-02 waive_charge charge=1", "01-01 disburse 900\n" +
			"01-02 charge_adjustment 1 charge=1", "01-01 disburse 900\n01-02 re_age",
		"01-01 disburse 900\n01-02 reschedule", "01-01 disburse 900\n" +
			"01-02 reschedule from=02-02 extra=1", "01-01 undo_last_disbursement",
		"01-01 disburse 900\n01-02 reschedule from=02-01 extra=20000", "01-01 disburse 900\n01-02 repayment -1",
		"01-01 disburse 900\n01-02 add_charge fee=1\n01-03 charge_adjustment charge=2",
	} {
		_, err := legacy.Replay(with(t, cumulative(t), events))
		if !errors.Is(err, legacy.ErrHistory) && !errors.Is(err, plan.ErrTerms) {
			t.Errorf("%q: %v", events, err)
		}
	}
	for name, change := range map[string]func(*legacy.Loan){
		"terms":      func(l *legacy.Loan) { l.NumberOfInstallments = 0 },
		"mode":       func(l *legacy.Loan) { l.Allocation.Mode = "odd" },
		"order":      func(l *legacy.Loan) { l.Allocation.Order = "penalty_fee_fee_principal" },
		"no order":   func(l *legacy.Loan) { l.Allocation.Order = "penalty" },
		"odd order":  func(l *legacy.Loan) { l.Allocation.Order = "due_penalty_then_fee" },
		"processing": func(l *legacy.Loan) { l.Allocation = advanced("diagonal", "next_installment") },
		"future":     func(l *legacy.Loan) { l.Allocation = advanced("vertical", "never") },
		"steps": func(l *legacy.Loan) {
			l.Allocation = advanced("vertical", "next_installment")
			l.Allocation.Rules["default"].Order[0] = "penalty"
		},
		"no default": func(l *legacy.Loan) {
			l.Allocation = history.Allocation{Mode: history.Advanced, Processing: "vertical"}
		},
		"credit rule": func(l *legacy.Loan) { l.Allocation.CreditRules = map[string][]string{"chargeback": {"tea"}} },
		"rest":        func(l *legacy.Loan) { recalculated("fewer_installments")(l); l.Recalculation.Rest = "never" },
		"advanced recalculation": func(l *legacy.Loan) {
			recalculated("fewer_installments")(l)
			l.Allocation = advanced("vertical", "next_installment")
		},
		"accrual":  func(l *legacy.Loan) { l.AccrueChargesOn = "never" },
		"sequence": func(l *legacy.Loan) { l.Events = []legacy.Event{{Seq: 2, Type: "accrue", RecordedOn: day(t, "01-01")}} },
		"date":     func(l *legacy.Loan) { l.Events = []legacy.Event{{Seq: 1, Type: "accrue"}} },
		"too many": func(l *legacy.Loan) { l.Events = make([]legacy.Event, history.EventsMax+1) },
	} {
		if _, err := legacy.Replay(cumulative(t, change)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
