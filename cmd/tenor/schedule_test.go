package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tool runs a command and returns its exit code and output.
func tool(
	t *testing.T, command func(context.Context, []string, streams) int, in string, args ...string,
) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = command(t.Context(), args, streams{in: strings.NewReader(in), out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

var illustrationFlags = []string{
	"--principal", "20000", "--currency", "inr", "--rate", "15", "--instalments", "24",
	"--disbursed", "2024-04-15", "--fee", "240", "--fee", "160",
}

func TestScheduleCommandFormats(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"table": "APR 17.07 %, effective 18.47 % a year.", "csv": "24,2026-04-15,31,957.82,957.82,11.97,969.79,0.00",
		"markdown": "| 1 | 2024-05-15 | 30 | 20000.00 | 719.73 | 250.00 | 969.73 | 19280.27 |",
		"json":     `"principal": {`, "chart": "█ principal", "svg": "<svg",
	} {
		code, out, errs := tool(t, scheduleCommand, "", append([]string{"--format", format}, illustrationFlags...)...)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d, want %q in\n%s%s", format, code, want, out, errs)
		}
	}
}

func TestScheduleCommandReadsTerms(t *testing.T) {
	t.Parallel()
	terms := `{"principal":{"amount":"1200.00","currency":"EUR"},"annual_rate_percent":"0","instalments":12,
		"disbursement_date":"2024-01-31"}`
	code, out, errs := tool(t, scheduleCommand, terms, "--json", "-", "--format", "csv")
	if code != 0 || !strings.Contains(out, "1,2024-02-29,29,1200.00,100.00,0.00,100.00,1100.00") {
		t.Errorf("exit %d:\n%s%s", code, out, errs)
	}
	code, _, errs = tool(t, scheduleCommand, strings.Replace(terms, "instalments", "installments", 1), "--json", "-")
	if code != exitUsage || !strings.Contains(errs, "unknown field") {
		t.Errorf("misspelt field: exit %d, %s", code, errs)
	}
	code, _, errs = tool(t, scheduleCommand, strings.Replace(terms, ":12", ":0", 1), "--json", "-")
	if code != exitFailed || !strings.Contains(errs, "instalments: 0 instalments") {
		t.Errorf("no instalments: exit %d, %s", code, errs)
	}
}

func TestScheduleCommandUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{},
		{"--nonsense"},
		{"stray"},
		{"--principal", "x", "--rate", "1", "--disbursed", "2024-01-01"},
		{"--principal", "1", "--rate", "x", "--disbursed", "2024-01-01"},
		{"--principal", "1", "--rate", "1", "--disbursed", "someday"},
		{"--currency", "ZZZ"},
		{"--json", "absent.json"},
		append([]string{"--format", "poem"}, illustrationFlags...),
		append([]string{"--first-due", "x"}, illustrationFlags...), append([]string{"--round-to", "x"}, illustrationFlags...),
		append([]string{"--fee", "x"}, illustrationFlags...), append([]string{"--balloon", "x"}, illustrationFlags...),
	} {
		if code, _, errs := tool(t, scheduleCommand, "", args...); code != exitUsage || errs == "" {
			t.Errorf("%v: exit %d, %q", args, code, errs)
		}
	}
	if code, _, _ := tool(t, scheduleCommand, "", "--help"); code != 0 {
		t.Errorf("help: exit %d", code)
	}
}

func TestScheduleCommandMethods(t *testing.T) {
	t.Parallel()
	loan := []string{
		"--principal", "20000", "--currency", "INR", "--rate", "15", "--disbursed", "2024-04-15", "--format", "csv",
	}
	for _, test := range []struct {
		flags []string
		last  string
	}{
		{
			[]string{"--method", "balloon", "--balloon", "5000", "--instalments", "3"},
			"3,2024-07-15,30,10062.23,10062.23,125.78,10188.01,0.00",
		},
		{
			[]string{"--method", "fixed_instalment", "--instalment", "9000"},
			"3,2024-07-15,30,2390.62,2390.62,29.88,2420.50,0.00",
		},
	} {
		code, out, errs := tool(t, scheduleCommand, "", append(test.flags, loan...)...)
		if code != 0 || !strings.HasSuffix(out, test.last+"\n") {
			t.Errorf("%v: exit %d:\n%s%s", test.flags, code, out, errs)
		}
	}
	code, _, errs := tool(t, scheduleCommand, `{"principal":{"amount":"9223372036854775808","currency":"JPY"},"colour":1}`,
		"--json", "-")
	if code != exitUsage || !strings.Contains(errs, "principal: ") || !strings.Contains(errs, "(overflow)") ||
		!strings.Contains(errs, "colour: ") {
		t.Errorf("bad JSON: exit %d, %s", code, errs)
	}
}

func TestAPRCommand(t *testing.T) {
	t.Parallel()
	flows := "date,amount\n1978-01-10,5000\n"
	for month := range 24 {
		flows += []string{"1978", "1979", "1980"}[(month+1)/12] + "-" +
			[]string{"01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"}[(month+1)%12] + "-10,-230\n"
	}
	code, out, errs := tool(t, aprCommand, flows, "--flows", "-")
	if code != 0 || !strings.Contains(out, "9.69 %   unit-period month") {
		t.Errorf("exit %d:\n%s%s", code, out, errs)
	}
	code, out, _ = tool(t, aprCommand, "", append([]string{"--print-json"}, illustrationFlags...)...)
	var lines []aprLine
	if err := json.Unmarshal([]byte(out), &lines); err != nil || code != 0 || lines[0].Percent.Fixed(2) != "17.07" {
		t.Errorf("exit %d, %v:\n%s", code, err, out)
	}
	for _, bad := range []string{"", "1978-01-10\n", "x,1\n", "1978-01-10,x\n"} {
		if code, _, errs := tool(t, aprCommand, bad, "--flows", "-"); code != exitUsage || errs == "" {
			t.Errorf("flows %q: exit %d", bad, code)
		}
	}
	code, out, _ = tool(t, aprCommand, "1978-01-10,5\n1978-02-10,5\n", "--flows", "-")
	if code != exitFailed || !strings.Contains(out, "no rate") {
		t.Errorf("flows one way: exit %d, %s", code, out)
	}
}

const vectorFile = `{"format":1,"vectors":[{"id":"a","kind":"schedule","inputs":{"algorithm":"cumulative",
"principal":"1250.00",
"currency_decimals":2,"annual_rate_percent":"12","rounding_mode":"half_even","calc_precision":12,"interest_type":"flat",
"amortization":"equal_installments","interest_period":"same_as_repayment","partial_period_interest":true,
"day_count":{"days_in_month":"actual","days_in_year":"actual"},"number_of_installments":3,"repayment_every":1,
"repayment_unit":"months","submitted_date":"2023-01-01","disbursement_date":"2023-01-01",
"due_dates_counted_from":"disbursement","first_due_date":null,
"grace":{"principal":0,"interest_payment":0,"interest_free":0},
"down_payment":null,"installment_multiple":"1","multi_disbursement":false},
"expected":{"installments_include":[{"n":2,"due_date":"2023-03-01","principal":"416.50","interest":"12.50"}]}}]}`

func TestConformCommand(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "vectors.json")
	if err := os.WriteFile(file, []byte(vectorFile), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := tool(t, conformCommand, "", file, "--kind", "schedule")
	if code != 0 || !strings.Contains(out, "schedule       1       0        0") {
		t.Errorf("exit %d:\n%s%s", code, out, errs)
	}
	code, out, _ = tool(t, conformCommand, strings.Replace(vectorFile, "416.50", "416.51", 1), "-")
	if code != exitFailed || !strings.Contains(out, "instalment 2: principal is 416.50, want 416.51") {
		t.Errorf("a wrong expectation: exit %d:\n%s", code, out)
	}
	code, out, _ = tool(t, conformCommand, strings.Replace(vectorFile, `"multi_`, `"poly_`, 1), "--json", "-")
	if code != exitFailed || !strings.Contains(out, "unknown field") {
		t.Errorf("an unknown field: exit %d:\n%s", code, out)
	}
	for _, args := range [][]string{{}, {"absent.json"}, {"-"}, {"--kind", "none", file}, {"--nonsense"}} {
		if code, _, errs := tool(t, conformCommand, "{}", args...); code != exitUsage || errs == "" {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}
