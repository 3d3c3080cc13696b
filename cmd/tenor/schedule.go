package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/scheduleview"
)

// termsBytesMax bounds the terms read from a file or standard input.
const termsBytesMax = 4 << 20

// scheduleCommand prints the schedule of terms given as flags or as JSON.
func scheduleCommand(_ context.Context, args []string, std streams) int {
	var f termsFlags
	set := flag.NewFlagSet("tenor schedule", flag.ContinueOnError)
	set.SetOutput(std.err)
	explain(set, `prints the schedule of a loan, its terms given as flags or as JSON.

  tenor schedule --principal 20000 --currency INR --rate 15 --instalments 24 --disbursed 2024-04-15
  tenor schedule --json terms.json --format svg > schedule.svg

The JSON has every option; see the fields of Terms in package amortization.`)
	f.register(set)
	format := set.String("format", "table", "one of "+strings.Join(scheduleview.Formats(), ", "))
	if code, done := parseFlags(set, args); done {
		return code
	}
	if set.NArg() > 0 {
		say(std.err, "tenor schedule: unexpected %q; terms are flags, or JSON with --json FILE\n", set.Arg(0))
		return exitUsage
	}
	terms, err := f.terms(std.in)
	if err != nil {
		sayFaults(std.err, "tenor schedule", err)
		return exitUsage
	}
	s, err := amortization.New(terms)
	if err != nil {
		sayFaults(std.err, "tenor schedule", err)
		return exitFailed
	}
	if err := scheduleview.Write(std.out, s, *format); err != nil {
		say(std.err, "tenor schedule: %v\n", err)
		if errors.Is(err, scheduleview.ErrFormat) {
			return exitUsage
		}
		return exitFailed
	}
	return 0
}

// explain says what a command does above its flags.
func explain(set *flag.FlagSet, text string) {
	set.Usage = func() {
		say(set.Output(), "%s %s\n\n", set.Name(), text)
		set.PrintDefaults()
	}
}

// parseFlags parses flags; done means that the command ends with code.
func parseFlags(set *flag.FlagSet, args []string) (code int, done bool) {
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0, true
	}
	return exitUsage, err != nil
}

// sayFaults prints every fault of terms on a line of its own.
func sayFaults(w io.Writer, command string, err error) {
	faults := amortization.Faults(err)
	if len(faults) == 0 {
		say(w, "%s: %v\n", command, err)
	}
	for _, f := range faults {
		say(w, "%s: %s: %s (%s)\n", command, f.Field, f.Message, f.Rule)
	}
}

// termsFlags are terms as flags.
type termsFlags struct {
	json, currency, principal, rate, method, unit, disbursed, firstDue, dayCount string
	roundTo, residual, balloon, instalment                                       string
	instalments, every                                                           int
	fees                                                                         feeFlags
}

func (f *termsFlags) register(set *flag.FlagSet) {
	set.StringVar(&f.json, "json", "", "read the terms as JSON from this `file`; - is standard input")
	set.StringVar(&f.currency, "currency", "USD", "ISO 4217 `code`")
	set.StringVar(&f.principal, "principal", "", "`amount` of the loan, such as 20000")
	set.StringVar(&f.rate, "rate", "", "nominal annual rate in `percent`, such as 9.99")
	set.IntVar(&f.instalments, "instalments", 0, "`number` of instalments")
	set.StringVar(&f.method, "method", "", "repayment `method`: "+methodNames()+" (the last ones need JSON)")
	set.StringVar(&f.balloon, "balloon", "", "`amount` due with the last instalment, for --method balloon")
	set.StringVar(&f.instalment, "instalment", "", "`amount` paid each time, for --method fixed_instalment")
	set.IntVar(&f.every, "every", 0, "`number` of units between due dates")
	set.StringVar(&f.unit, "unit", "", "`unit` of the frequency: day, week, semi_month, month, year")
	set.StringVar(&f.disbursed, "disbursed", "", "`date` of the disbursement, such as 2024-01-31")
	set.StringVar(&f.firstDue, "first-due", "", "first due `date`")
	set.StringVar(&f.dayCount, "day-count", "", "`name` of the day count, such as 30/360 or ACTUAL/ACTUAL ISDA")
	set.StringVar(&f.roundTo, "round-to", "", "`multiple` of the instalment, such as 1")
	set.StringVar(&f.residual, "residual", "", "`instalment` that takes what rounding leaves: last, first, spread")
	set.Var(&f.fees, "fee", "`amount` deducted at the disbursement; may be repeated")
}

// methodNames lists the methods, those last that flags cannot describe.
func methodNames() string {
	var flags, rest []string
	for _, m := range amortization.Methods() {
		if m == amortization.Graduated || m == amortization.PrincipalPlan {
			rest = append(rest, string(m))
			continue
		}
		flags = append(flags, string(m))
	}
	return strings.Join(append(flags, rest...), ", ")
}

// feeFlags collects repeated --fee flags.
type feeFlags []string

// String returns the flags as given.
func (f *feeFlags) String() string { return strings.Join(*f, ",") }

// Set adds one.
func (f *feeFlags) Set(text string) error {
	*f = append(*f, text)
	return nil
}

// terms returns the terms of the flags, or those in the JSON file.
func (f *termsFlags) terms(stdin io.Reader) (amortization.Terms, error) {
	if f.json != "" {
		return readTerms(f.json, stdin)
	}
	t := amortization.Terms{
		Method: amortization.Method(f.method), Instalments: f.instalments,
		Frequency: amortization.Frequency{Every: f.every, Unit: amortization.Unit(f.unit)},
		DayCount:  amortization.DayCount(f.dayCount),
	}
	t.Rounding.Residual = amortization.Residual(f.residual)
	currency, err := money.ParseCurrency(strings.ToUpper(f.currency))
	if err != nil {
		return t, fmt.Errorf("--currency: %w", err)
	}
	if f.principal == "" || f.rate == "" || f.disbursed == "" {
		return t, errors.New("need --principal, --rate, --instalments and --disbursed, or --json FILE")
	}
	for _, amount := range []struct {
		flag, text string
		into       *money.Amount
	}{
		{"principal", f.principal, &t.Principal},
		{"balloon", f.balloon, &t.Balloon},
		{"instalment", f.instalment, &t.Instalment},
	} {
		if amount.text == "" {
			continue
		}
		if *amount.into, err = money.Parse(amount.text, currency); err != nil {
			return t, fmt.Errorf("--%s: %w", amount.flag, err)
		}
	}
	if t.AnnualRatePercent, err = amortization.ParseDecimal(f.rate); err != nil {
		return t, fmt.Errorf("--rate: %w", err)
	}
	if t.DisbursementDate, err = civil.ParseDate(f.disbursed); err != nil {
		return t, fmt.Errorf("--disbursed: %w", err)
	}
	if f.firstDue != "" {
		if t.FirstDueDate, err = civil.ParseDate(f.firstDue); err != nil {
			return t, fmt.Errorf("--first-due: %w", err)
		}
	}
	if f.roundTo != "" {
		if t.Rounding.InstalmentUnit, err = amortization.ParseDecimal(f.roundTo); err != nil {
			return t, fmt.Errorf("--round-to: %w", err)
		}
	}
	for i, text := range f.fees {
		amount, err := money.Parse(text, currency)
		if err != nil {
			return t, fmt.Errorf("--fee: %w", err)
		}
		t.Fees = append(t.Fees, amortization.Fee{Name: fmt.Sprintf("fee %d", i+1), Amount: amount})
	}
	return t, nil
}

// readTerms reads terms as JSON; unknown fields are refused.
func readTerms(name string, stdin io.Reader) (amortization.Terms, error) {
	data, err := readInput(name, stdin, termsBytesMax)
	if err != nil {
		return amortization.Terms{}, err
	}
	return amortization.DecodeTerms(data)
}

// inputName names a file to people.
func inputName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// readInput reads a whole file, or standard input for "-", up to a limit.
func readInput(name string, stdin io.Reader, limit int64) ([]byte, error) {
	from := stdin
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the file that the user named
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // only read
		from = file
	}
	data, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", inputName(name), err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", inputName(name), limit)
	}
	return data, nil
}
