package conform_test

import (
	"os"
	"strings"
	"testing"

	vectors "github.com/tenor-lending/tenor/amortization/conform"
	"github.com/tenor-lending/tenor/servicing/legacy/conform"
)

// inputs are 300.00 in three months, a fee of 3.00, and a late, reversed and repeated payment.
const inputs = `{"algorithm":"cumulative","principal":"300.00","currency_decimals":2,"annual_rate_percent":"0",
"rounding_mode":"half_even","calc_precision":12,"interest_type":"flat","amortization":"equal_installments",
"interest_period":"same_as_repayment","partial_period_interest":true,
"day_count":{"days_in_month":"actual","days_in_year":"actual"},
"number_of_installments":3,"repayment_every":1,"repayment_unit":"months","submitted_date":"2024-01-01",
"disbursement_date":"2024-01-01","due_dates_counted_from":"disbursement","first_due_date":null,
"grace":{"principal":0,"interest_payment":0,"interest_free":0},"down_payment":null,"installment_multiple":null,
"multi_disbursement":true,"interest_recalculation":null,"accrue_charges_on":"due_date","accrue_rest_at_close":true,
"allocation":{"mode":"per_installment","order":"penalty_fee_interest_principal"},
"accounts":{"fund_source":"cash","principal_receivable":"loans","fee_receivable":"fees"},
"fund_source_by_channel":{},
"events":[
{"seq":1,"type":"disburse","date":"2024-01-01","amount":"300.00","recorded_on":"2024-01-01"},
{"seq":2,"type":"add_charge","kind":"fee","when":"on_date","basis":"flat","value":"3",
"due_date":"2024-01-20","recorded_on":"2024-01-01"},
{"seq":3,"type":"repayment","date":"2024-01-20","amount":"10.00","recorded_on":"2024-01-20"},
{"seq":4,"type":"reverse","target":3,"recorded_on":"2024-01-21"},
{"seq":5,"type":"repayment","date":"2024-02-05","amount":"153.00","recorded_on":"2024-02-05"}]}`

const expectedEvents = `{"as_of":"2024-02-05","installments":[
{"n":1,"due_date":"2024-02-01","days":31,"principal":"100.00","interest":"0.00","fees":"3.00","penalties":"0.00",
"total_due":"103.00","outstanding_balance":"200.00","paid":"103.00","paid_early":"0.00","paid_late":"103.00",
"waived":"0.00","outstanding":"0.00","paid_on":"2024-02-05"},
{"n":2,"paid":"50.00","paid_early":"50.00","outstanding":"50.00","paid_on":null},{"n":3,"rate_factors":[]}],
"installments_include":[{"due_date":"2024-03-01","principal":"100.00"}],
"totals":{"principal":"300.00","fees":"3.00","total_due":"303.00","paid":"153.00","paid_early":"50.00",
"paid_late":"103.00","outstanding":"150.00"},
"disbursements":[{"date":"2024-01-01","amount":"300.00","fees":"0.00"}],
"transactions":[
{"date":"2024-01-01","type":"disbursement","amount":"300.00","balance":"300.00"},
{"date":"2024-02-05","type":"repayment","amount":"153.00","principal":"150.00","interest":"0.00","fees":"3.00",
"penalties":"0.00","overpaid":"0.00","balance":"150.00","reversed":false},
{"date":"2024-01-20","type":"repayment","principal":"7.00","balance":"293.00","reversed":true}],
"transactions_include":[{"date":"2024-02-05","type":"repayment","fees":"3.00"}],
"status":"active","total_outstanding":"150.00","total_overpaid":"0.00"}`

const expectedJournal = `{"as_of":"2024-02-05","match":"each","transactions":[
{"type":"disbursement","date":"2024-01-01","lines":[{"account":"loans","kind":"asset","debit":"300.00"},
{"account":"cash","kind":"asset","credit":"300.00"}]},
{"type":"repayment","date":"2024-01-20","lines":[{"account":"fees","kind":"asset","credit":"3.00"},
{"account":"fees","kind":"asset","debit":"3.00"}]}]}`

func run(t *testing.T, kind, inputs, expected string) *vectors.Report {
	t.Helper()
	read, err := vectors.Read(strings.NewReader(`{"format":1,"vectors":[{"id":"one","kind":"` + kind +
		`","inputs":` + inputs + `,"expected":` + expected + `}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return vectors.Run(read, conform.Runners(), "")
}

func TestVectorsThatPass(t *testing.T) {
	t.Parallel()
	for kind, expected := range map[string]string{"events": expectedEvents, "journal": expectedJournal} {
		if report := run(t, kind, inputs, expected); !report.Passed() || report.Counts[0].Passed != 1 {
			t.Errorf("%s: %+v", kind, report)
		}
	}
}

// TestEveryFieldCounts changes one expectation at a time.
func TestEveryFieldCounts(t *testing.T) {
	t.Parallel()
	for _, change := range [][3]string{
		{`"n":1`, `"n":4`, "instalment 1: n is 1, want 4"},
		{`"2024-02-01"`, `"2024-02-02"`, "instalment 1: due_date is 2024-02-01, want 2024-02-02"},
		{`"days":31`, `"days":30`, "instalment 1: days is 31, want 30"},
		{`"principal":"100.00","i`, `"principal":"100.01","i`, "instalment 1: principal is 100.00, want 100.01"},
		{`"interest":"0.00"`, `"interest":"0.01"`, "instalment 1: interest is 0.00, want 0.01"},
		{`"fees":"3.00"`, `"fees":"3.01"`, "instalment 1: fees is 3.00, want 3.01"},
		{`"penalties":"0.00"`, `"penalties":"0.01"`, "instalment 1: penalties is 0.00, want 0.01"},
		{`"total_due":"103.00"`, `"total_due":"103.01"`, "instalment 1: total_due is 103.00, want 103.01"},
		{`"outstanding_balance":"200.00"`, `"outstanding_balance":"1.00"`, "instalment 1: outstanding_balance is 200.00"},
		{`"paid":"103.00"`, `"paid":"1.00"`, "instalment 1: paid is 103.00, want 1.00"},
		{`"paid_early":"0.00"`, `"paid_early":"1.00"`, "instalment 1: paid_early is 0.00, want 1.00"},
		{`"paid_late":"103.00"`, `"paid_late":"1.00"`, "instalment 1: paid_late is 103.00, want 1.00"},
		{`"waived":"0.00"`, `"waived":"1.00"`, "instalment 1: waived is 0.00, want 1.00"},
		{`"outstanding":"0.00"`, `"outstanding":"1.00"`, "instalment 1: outstanding is 0.00, want 1.00"},
		{`"paid_on":"2024-02-05"`, `"paid_on":null`, `instalment 1: paid_on is "2024-02-05", want null`},
		{`"paid_on":null`, `"paid_on":"2024-02-05"`, `instalment 2: paid_on is null, want "2024-02-05"`},
		{`"rate_factors":[]`, `"rate_factors":["0.01"]`, "instalment 3: rate_factors is 0, want 1"},
		{`,{"n":3,"rate_factors":[]}`, ``, "table: rows is 3, want 2"},
		{`"due_date":"2024-03-01"`, `"due_date":"2024-03-02"`, "table: row due is none, want 2024-03-02"},
		{`"due_date":"2024-03-01"`, `"n":2`, "table: row due is none"},
		{`"totals":{"principal":"300.00"`, `"totals":{"principal":"300.01"`, "totals: principal is 300.00, want 300.01"},
		{`"disbursements":[{`, `"disbursements":[{},{`, "table: disbursements is 1, want 2"},
		{`[{"date":"2024-01-01","amount"`, `[{"date":"2024-01-02","amount"`, "disbursement 1: date is 2024-01-01"},
		{`"amount":"300.00","fees":"0.00"`, `"amount":"300.00","fees":"1.00"`, "disbursement 1: fees is 0.00, want 1.00"},
		{`"balance":"300.00"},`, `"balance":"301.00"},`, "disbursement 2024-01-01: balance is 300.00, want 301.00"},
		{`"amount":"153.00"`, `"amount":"154.00"`, "repayment 2024-02-05: amount is 153.00, want 154.00"},
		{`"overpaid":"0.00"`, `"overpaid":"1.00"`, "repayment 2024-02-05: overpaid is 0.00, want 1.00"},
		{`"reversed":true`, `"reversed":false`, "repayment 2024-01-20: reversed is true, want false"},
		{`"2024-01-20","type"`, `"2024-01-21","type"`, "repayment 2024-01-21: transaction is none, want one"},
		{
			`{"date":"2024-01-01","type":"disbursement","amount":"300.00","balance":"300.00"},`, ``,
			"transactions: number is 3, want 2",
		},
		{`"repayment","fees":"3.00"`, `"repayment","fees":"4.00"`, "repayment 2024-02-05: fees is 3.00, want 4.00"},
		{`"active"`, `"overpaid"`, "loan: status is active, want overpaid"},
		{`"total_outstanding":"150.00"`, `"total_outstanding":"1.00"`, "loan: total_outstanding is 150.00, want 1.00"},
		{`"total_overpaid":"0.00"`, `"total_overpaid":"1.00"`, "loan: total_overpaid is 0.00, want 1.00"},
		{`"as_of"`, `"as_if"`, `unknown field "as_if"`},
	} {
		changed := strings.Replace(expectedEvents, change[0], change[1], 1)
		if changed == expectedEvents {
			t.Fatalf("%q does not occur", change[0])
		}
		report := run(t, "events", inputs, changed)
		if report.Passed() || !strings.Contains(report.Failures[0].Error, change[2]) {
			t.Errorf("%s: failures %v, want %q", change[1], report.Failures, change[2])
		}
	}
	for _, change := range [][3]string{
		{`"debit":"300.00"`, `"debit":"300.01"`, "want debit loans 300.01"},
		{`"credit":"300.00"`, `"debit":"300.00"`, "want debit cash 300.00"},
		{`"account":"cash"`, `"account":"till"`, "want credit till 300.00"},
		{`"2024-01-20"`, `"2024-01-21"`, "repayment 2024-01-21: lines is []"},
		{`"credit":"300.00"`, `"kind":"asset"`, "has no amount"},
		{`"type":"repayment","date":"2024-01-20"`, `"type":"repayment"`, "has no date"},
	} {
		report := run(t, "journal", inputs, strings.Replace(expectedJournal, change[0], change[1], 1))
		if report.Passed() || !strings.Contains(report.Failures[0].Error, change[2]) {
			t.Errorf("%s: failures %v, want %q", change[1], report.Failures, change[2])
		}
	}
}

func TestVectorsThatCannotRun(t *testing.T) {
	t.Parallel()
	for _, change := range [][2]string{
		{`"fund_source_by_channel"`, `"fund_source_by_mood"`},
		{`"channel"`, `"canal"`},
		{`"target":3`, `"target":9`},
		{`"type":"reverse"`, `"type":"sing"`},
		{`"seq":5`, `"seq":6`},
		{`"months"`, `"moons"`},
	} {
		changed := strings.Replace(inputs, change[0], change[1], 1)
		for _, kind := range []string{"events", "journal"} {
			if changed != inputs && run(t, kind, changed, `{}`).Passed() {
				t.Errorf("%s passed with %s", kind, change[1])
			}
		}
	}
}

// TestVectorFile runs the file named by TENOR_TEST_VECTORS, where there is one.
// Every vector passed when this was written, so every failure is an error.
func TestVectorFile(t *testing.T) {
	t.Parallel()
	name := os.Getenv("TENOR_TEST_VECTORS")
	if name == "" {
		t.Skip("NOT RUN: TENOR_TEST_VECTORS names no file of vectors")
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	all, err := vectors.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	for kind := range conform.Runners() {
		report := vectors.Run(all, conform.Runners(), kind)
		for _, failure := range report.Failures {
			t.Errorf("%s: %s", failure.ID, failure.Error)
		}
		if len(report.Counts) != 1 {
			t.Errorf("%s holds no vector of kind %s", name, kind)
		}
		t.Logf("%+v", report.Counts)
	}
}
