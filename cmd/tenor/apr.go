package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// flowsBytesMax bounds a file of cash flows.
const flowsBytesMax = 4 << 20

// aprLine is one rate as the command prints it.
type aprLine struct {
	Rate    string                `json:"rate"`
	Percent *amortization.Decimal `json:"percent,omitempty"`
	Exact   *amortization.Decimal `json:"exact,omitempty"`
	Note    string                `json:"note,omitempty"`
}

// aprCommand prints the annual percentage rates of cash flows, or of a schedule
// whose terms are given as flags or JSON.
func aprCommand(_ context.Context, args []string, std streams) int {
	var f termsFlags
	set := flag.NewFlagSet("tenor apr", flag.ContinueOnError)
	set.SetOutput(std.err)
	explain(set, `prints annual percentage rates: of a loan whose terms are given as flags or as JSON, or of cash flows.

  tenor apr --principal 20000 --currency INR --rate 15 --instalments 24 --disbursed 2024-04-15 --fee 400
  tenor apr --flows flows.csv --currency EUR`)
	f.register(set)
	flowsFile := set.String("flows", "", "read cash flows from this CSV `file` of date,amount: advances above zero, "+
		"payments below; - is standard input")
	asJSON := set.Bool("print-json", false, "print JSON")
	if code, done := parseFlags(set, args); done {
		return code
	}
	flows, err := aprFlows(&f, *flowsFile, std)
	if err != nil {
		sayFaults(std.err, "tenor apr", err)
		return exitUsage
	}
	lines, found := aprLines(flows)
	if *asJSON {
		err = json.NewEncoder(std.out).Encode(lines)
	} else {
		err = printAPR(lines, std)
	}
	if err != nil || !found {
		return exitFailed
	}
	return 0
}

func aprFlows(f *termsFlags, file string, std streams) ([]amortization.CashFlow, error) {
	if file != "" {
		currency, err := money.ParseCurrency(strings.ToUpper(f.currency))
		if err != nil {
			return nil, fmt.Errorf("--currency: %w", err)
		}
		data, err := readInput(file, std.in, flowsBytesMax)
		if err != nil {
			return nil, err
		}
		return parseFlows(data, currency)
	}
	terms, err := f.terms(std.in)
	if err != nil {
		return nil, err
	}
	s, err := amortization.New(terms)
	if err != nil {
		return nil, err
	}
	return s.CashFlows(), nil
}

// parseFlows reads lines of date,amount; a header is allowed.
func parseFlows(data []byte, currency money.Currency) ([]amortization.CashFlow, error) {
	reader := csv.NewReader(bytes.NewReader(data))
	reader.FieldsPerRecord, reader.TrimLeadingSpace, reader.Comment = 2, true, '#'
	records, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("cash flows: %w", err)
	}
	var flows []amortization.CashFlow
	for i, record := range records {
		if i == 0 && record[0] == "date" {
			continue
		}
		day, err := civil.ParseDate(record[0])
		if err != nil {
			return nil, fmt.Errorf("cash flow %d: %w", i+1, err)
		}
		amount, err := money.Parse(strings.TrimSpace(record[1]), currency)
		if err != nil {
			return nil, fmt.Errorf("cash flow %d: %w", i+1, err)
		}
		flows = append(flows, amortization.CashFlow{Date: day, Amount: amount})
	}
	if len(flows) == 0 {
		return nil, errors.New("no cash flows")
	}
	return flows, nil
}

// aprLines works out every rate; found is whether any of them exists.
func aprLines(flows []amortization.CashFlow) (lines []aprLine, found bool) {
	eu := func(times amortization.EUTimes) func([]amortization.CashFlow) (amortization.APR, error) {
		return func(flows []amortization.CashFlow) (amortization.APR, error) { return amortization.EU(flows, times) }
	}
	for _, rate := range []struct {
		name string
		of   func([]amortization.CashFlow) (amortization.APR, error)
	}{
		{"Regulation Z, Appendix J", amortization.RegulationZ},
		{"European Union, equal periods", eu(amortization.EqualPeriods)},
		{"European Union, calendar days", eu(amortization.CalendarDays)},
		{"XIRR", amortization.XIRR},
	} {
		line := aprLine{Rate: rate.name}
		apr, err := rate.of(flows)
		if err != nil {
			line.Note = err.Error()
		} else {
			found = true
			line.Percent, line.Exact = &apr.Percent, &apr.Exact
			if apr.UnitPeriod != "" {
				line.Note = "unit-period " + apr.UnitPeriod
			}
		}
		lines = append(lines, line)
	}
	return lines, found
}

func printAPR(lines []aprLine, std streams) error {
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		percent := "-"
		if line.Exact != nil {
			percent = line.Exact.Fixed(2) + " %"
		}
		say(table, "%s\t%s\t%s\n", line.Rate, percent, line.Note)
	}
	return table.Flush()
}
