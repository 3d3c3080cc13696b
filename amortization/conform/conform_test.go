package conform_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/amortization/conform"
)

const inputs = `{"algorithm":"progressive","principal":"100.00","currency_decimals":2,"annual_rate_percent":"9.4822",
"rounding_mode":"half_even","calc_precision":12,"interest_type":"declining","amortization":"equal_installments",
"interest_period":"daily","partial_period_interest":false,"day_count":{"days_in_month":"30","days_in_year":"360"},
"number_of_installments":6,"repayment_every":1,"repayment_unit":"months","submitted_date":"2024-01-01",
"disbursement_date":"2024-01-01","due_dates_counted_from":"disbursement","first_due_date":null,
"grace":{"principal":0,"interest_payment":0,"interest_free":0},"down_payment":null,"installment_multiple":null,
"multi_disbursement":false,"charges":[]}`

// expected are figures published with Apache Fineract's ProgressiveEMICalculatorTest.
const expected = `{"installments":[
{"n":1,"due_date":"2024-02-01","days":31,"principal":"16.34","interest":"0.79","fees":"0.00",
"penalties":"0.00","total_due":"17.13","outstanding_balance":"83.66","rate_factors":["0.007901833333"]},
{"n":2,"principal":"16.47"},{"n":3,"principal":"16.60"},{"n":4,"principal":"16.73"},{"n":5,"principal":"16.86"},
{"n":6,"due_date":"2024-07-01","principal":"17.00","interest":"0.13","outstanding_balance":"0.00"}],
"installments_include":[{"due_date":"2024-03-01","interest":"0.66"}],
"disbursements":[{"date":"2024-01-01","amount":"100.00","fees":"0.00"}],
"totals":{"principal":"100.00","interest":"2.78","fees":"0.00","penalties":"0.00","total_due":"102.78"}}`

func file(inputs, expected string) string {
	return `{"format":1,"vectors":[{"id":"one","kind":"schedule","also_at":["two"],"inputs":` + inputs + `,
"expected":` + expected + `}]}`
}

func run(t *testing.T, text, kind string) *conform.Report {
	t.Helper()
	vectors, err := conform.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return conform.Run(vectors, conform.Default(), kind)
}

func TestAVectorThatPasses(t *testing.T) {
	t.Parallel()
	report := run(t, file(inputs, expected), "schedule")
	if diff := cmp.Diff([]conform.Count{{Kind: "schedule", Passed: 1}}, report.Counts); diff != "" || !report.Passed() {
		t.Errorf("counts (-want +got):\n%s%v", diff, report.Failures)
	}
	if report := run(t, file(inputs, expected), "events"); len(report.Counts) != 0 {
		t.Errorf("another kind ran: %v", report.Counts)
	}
}

// TestEveryFieldCounts changes one expectation at a time.
func TestEveryFieldCounts(t *testing.T) {
	t.Parallel()
	for _, change := range [][3]string{
		{`"n":1`, `"n":2`, "instalment 1: n is 1, want 2"},
		{`"2024-02-01"`, `"2024-02-02"`, "instalment 1: due_date is 2024-02-01, want 2024-02-02"},
		{`"days":31`, `"days":30`, "instalment 1: days is 31, want 30"},
		{`"principal":"16.34"`, `"principal":"16.35"`, "instalment 1: principal is 16.34, want 16.35"},
		{`"interest":"0.13"`, `"interest":"0.12"`, "instalment 6: interest is 0.13, want 0.12"},
		{`"fees":"0.00"`, `"fees":"0.01"`, "instalment 1: fees is 0.00, want 0.01"},
		{`"penalties":"0.00"`, `"penalties":"0.01"`, "instalment 1: penalties is 0.00, want 0.01"},
		{`"total_due":"17.13"`, `"total_due":"17.14"`, "instalment 1: total_due is 17.13, want 17.14"},
		{`"83.66"`, `"83.67"`, "instalment 1: outstanding_balance is 83.66, want 83.67"},
		{`0.007901833333`, `0.007901833334`, "instalment 1: rate_factor is 0.007901833333, want 0.007901833334"},
		{`["0.007901833333"]`, `[]`, "instalment 1: rate_factors is 1, want 0"},
		{`{"n":2,"principal":"16.47"},`, ``, "table: rows is 6, want 5"},
		{`"interest":"0.66"`, `"interest":"0.67"`, "instalment 2: interest is 0.66, want 0.67"},
		{`"2024-03-01"`, `"2024-03-02"`, "table: row is none, want 2024-03-02"},
		{`{"due_date":"2024-03-01","interest":"0.66"}`, `{"interest":"0.66"}`, "table: row is none, want no due date"},
		{`"date":"2024-01-01"`, `"date":"2024-01-02"`, "disbursement: date is 2024-01-01, want 2024-01-02"},
		{`"amount":"100.00"`, `"amount":"100.01"`, "disbursement: amount is 100.00, want 100.01"},
		{`"interest":"2.78"`, `"interest":"2.79"`, "totals: interest is 2.78, want 2.79"},
		{`"total_due":"102.78"`, `"total_due":"102.79"`, "totals: total_due is 102.78, want 102.79"},
		{`"days":31`, `"day":31`, `unknown field "day"`},
	} {
		changed := strings.Replace(expected, change[0], change[1], 1)
		if changed == expected {
			t.Fatalf("%q does not occur", change[0])
		}
		report := run(t, file(inputs, changed), "")
		if report.Passed() || !strings.Contains(report.Failures[0].Error, change[2]) {
			t.Errorf("%s: failures %v, want %q", change[1], report.Failures, change[2])
		}
	}
}

func TestVectorsThatCannotRun(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown input":  file(strings.Replace(inputs, `"charges"`, `"tea"`, 1), expected),
		"bad terms":      file(strings.Replace(inputs, `"daily"`, `"hourly"`, 1), expected),
		"unknown kind":   strings.Replace(file(inputs, expected), `"schedule"`, `"song"`, 1),
		"unknown status": strings.Replace(file(inputs, expected), `"kind"`, `"status":"odd","kind"`, 1),
		"skipped": strings.Replace(file(inputs, expected), `"kind"`,
			`"status":"unreproduced","reason":"x","kind"`, 1),
		"two disbursings": file(inputs, strings.Replace(expected, `"disbursements":[`, `"disbursements":[{},`, 1)),
	} {
		report := run(t, text, "")
		switch name {
		case "skipped":
			if !report.Passed() || report.Counts[0].Skipped != 1 {
				t.Errorf("skipped: %+v", report)
			}
		default:
			if report.Passed() {
				t.Errorf("%s passed", name)
			}
		}
	}
}

func TestReadRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "[]", `{"format":2,"vectors":[]}`, `{"format":1,"songs":[]}`,
		`{"format":1,"vectors":[]} {}`,
	} {
		if _, err := conform.Read(strings.NewReader(text)); !errors.Is(err, conform.ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestVectorFile runs the file named by TENOR_TEST_VECTORS, where there is one.
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
	vectors, err := conform.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	report := conform.Run(vectors, conform.Default(), "schedule")
	for _, failure := range report.Failures {
		t.Errorf("%s: %s", failure.ID, failure.Error)
	}
	t.Logf("%+v", report.Counts)
}
