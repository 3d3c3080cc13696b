package legacy_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/amortization"
	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/history"
)

const penaltyFirst = "penalty_fee_interest_principal"

// day reads a day of 2024, as in 02-29.
func day(t testing.TB, text string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate("2024-" + text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// cumulative is 900.00 in three months from 1 January, without interest.
func cumulative(t testing.TB, changes ...func(*legacy.Loan)) *legacy.Loan {
	t.Helper()
	l := &legacy.Loan{Terms: plan.Terms{
		Algorithm: plan.Cumulative, Principal: amortization.MustDecimal("900"),
		AnnualRatePercent: amortization.MustDecimal("0"), CurrencyDecimals: 2, RoundingMode: "half_even", CalcPrecision: 12,
		InterestType: "flat", Amortization: "equal_installments", InterestPeriod: "same_as_repayment",
		PartialPeriodInterest: true, DayCount: plan.DayCount{DaysInMonth: "actual", DaysInYear: "actual"},
		NumberOfInstallments: 3, RepaymentEvery: 1, RepaymentUnit: "months", SubmittedDate: day(t, "01-01"),
		DisbursementDate: day(t, "01-01"), DueDatesCountedFrom: "disbursement", MultiDisbursement: true,
	}}
	l.Allocation = history.Allocation{Mode: history.PerInstallment, Order: penaltyFirst}
	l.Accounts = map[string]string{}
	for _, role := range roles {
		l.Accounts[role] = role
	}
	for _, change := range changes {
		change(l)
	}
	return l
}

// progressive is the same loan, whose rows follow what happens.
func progressive(t testing.TB, changes ...func(*legacy.Loan)) *legacy.Loan {
	t.Helper()
	return cumulative(t, append([]func(*legacy.Loan){func(l *legacy.Loan) {
		l.Algorithm, l.Allocation = plan.Progressive, advanced("horizontal", "next_installment")
	}}, changes...)...)
}

// interest makes the loan bear interest by days, 12 % of 365 days.
func interest(l *legacy.Loan) {
	l.AnnualRatePercent, l.InterestType, l.InterestPeriod = amortization.MustDecimal("12"), "declining", "daily"
	l.DayCount.DaysInYear = "365"
	if l.Algorithm == plan.Progressive { // 1 % a month
		l.DayCount = plan.DayCount{DaysInMonth: "30", DaysInYear: "360"}
		recalculated("adjust_last_installment")(l)
	}
}

func recalculated(advance string) func(*legacy.Loan) {
	return func(l *legacy.Loan) {
		l.Recalculation = &history.Recalculation{
			Rest: "daily", RestEvery: 1, Compounding: "none", AdvancePayment: advance,
			EarlyCloseInterest: "until_payment_date",
		}
	}
}

func downPayment(auto bool) func(*legacy.Loan) {
	return func(l *legacy.Loan) {
		l.DownPayment = &plan.DownPayment{Percent: amortization.MustDecimal("25"), AutoPay: auto}
	}
}

func ordered(order string) func(*legacy.Loan) {
	return func(l *legacy.Loan) { l.Allocation.Order = order }
}

// replay adds events, one a line, as in "02-05 repayment 310 recorded=02-10".
func replay(t testing.TB, l *legacy.Loan, events string) *legacy.State {
	t.Helper()
	s, err := legacy.Replay(with(t, l, events))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func with(t testing.TB, l *legacy.Loan, events string) *legacy.Loan {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(events), "\n") {
		words := strings.Fields(line)
		on := day(t, words[0])
		e := legacy.Event{Seq: len(l.Events) + 1, Type: words[1], Date: &on, RecordedOn: on}
		for _, word := range words[2:] {
			key, value, _ := strings.Cut(word, "=")
			field(t, &e, key, value)
		}
		l.Events = append(l.Events, e)
	}
	return l
}

func field(t testing.TB, e *legacy.Event, key, value string) {
	t.Helper()
	number := func() int {
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	date := func() *civil.Date {
		d := day(t, value)
		return &d
	}
	switch key {
	case "recorded":
		e.RecordedOn = *date()
	case "fee", "penalty":
		amount := amortization.MustDecimal(value)
		e.Kind, e.When, e.Basis, e.Value = key, "on_date", "flat", &amount
	case "when":
		e.When = value
	case "basis":
		e.Basis = value
	case "due":
		e.DueDate = date()
	case "target":
		e.Target = number()
	case "part":
		e.TargetPart, e.OfPart = value, value
	case "of":
		e.Of = number()
	case "charge":
		e.Charge = number()
	case "channel":
		e.Channel = value
	case "from":
		e.FromDueDate = date()
	case "to":
		e.NewDueDate = date()
	case "extra":
		e.ExtraInstallments = number()
	case "grace":
		e.ExtraPrincipalGrace = number()
	case "rate":
		rate := amortization.MustDecimal(value)
		e.NewRatePercent = &rate
	case "first":
		e.FirstDueDate = date()
	case "count":
		e.Installments, e.Every, e.Unit = number(), 1, "months"
	default:
		amount := amortization.MustDecimal(key)
		e.Amount = &amount
	}
}

// parts writes the components that are not zero: P1.00 I0.50 F… N…
func parts(s *legacy.State, p legacy.Parts) string {
	var words []string
	for _, c := range []struct {
		name   string
		amount int64
	}{{"P", p.Principal}, {"I", p.Interest}, {"F", p.Fees}, {"N", p.Penalties}} {
		if c.amount != 0 {
			words = append(words, c.name+s.Text(c.amount))
		}
	}
	return strings.Join(words, " ")
}

func short(d civil.Date) string { return d.String()[5:] }

// rows writes the instalments: due date, parts, and what there is to say of payment.
func rows(s *legacy.State) []string {
	var lines []string
	for _, r := range s.Rows {
		line := strings.TrimSpace(short(r.Due) + " " + parts(s, r.Parts))
		for _, x := range []struct {
			name   string
			amount int64
		}{{"paid", r.Paid.Total()}, {"early", r.Early}, {"late", r.Late}, {"waived", r.Waived.Total()}} {
			if x.amount != 0 {
				line += fmt.Sprintf(" %s %s", x.name, s.Text(x.amount))
			}
		}
		if !r.PaidOn.IsZero() {
			line += " on " + short(r.PaidOn)
		}
		lines = append(lines, line)
	}
	return lines
}

// transactions writes all but disbursements: date, type, parts, overpaid, balance.
func transactions(s *legacy.State) []string {
	var lines []string
	for _, x := range s.Transactions {
		if x.Type == legacy.Disbursement {
			continue
		}
		line := strings.TrimSpace(fmt.Sprintf("%s %s %s", short(x.Date), x.Type, parts(s, x.Parts)))
		if x.Overpaid != 0 {
			line += " over " + s.Text(x.Overpaid)
		}
		if x.Balance != 0 {
			line += " left " + s.Text(x.Balance)
		}
		if x.Reversed {
			line += " reversed"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func same(t *testing.T, what string, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// example is a history and what comes of it; nil is not looked at.
type example struct {
	name   string
	loan   *legacy.Loan
	events string
	rows   []string
	txns   []string
	status string
}

func check(t *testing.T, examples []example) {
	t.Helper()
	for _, x := range examples {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := replay(t, x.loan, x.events)
			if x.rows != nil {
				same(t, "rows", x.rows, rows(s))
			}
			if x.txns != nil {
				same(t, "transactions", x.txns, transactions(s))
			}
			if x.status != "" && s.Status() != x.status {
				t.Errorf("status %s, want %s", s.Status(), x.status)
			}
			for _, fault := range faults(s) {
				t.Error(fault)
			}
		})
	}
}
