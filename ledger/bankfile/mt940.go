package bankfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cloud.google.com/go/civil"
	"golang.org/x/text/encoding/charmap"

	"github.com/tenor-lending/tenor/internal/money"
)

// continuedMax bounds the lines of one field; the standard has six.
const continuedMax = 40

// mtReader reads the statements of an MT940 file, field by field (SWIFT
// Standards MT, category 9; field 61 in the form of MT940).
type mtReader struct {
	currency   money.Currency
	statements []Statement
	current    *Statement
	openedOn   civil.Date
	stage      int // how far the current statement has come
	lines      int
}

// The stages of a statement, in the order of its fields.
const (
	stageNone = iota
	stageBegun
	stageOpened
	stageClosed
)

// mtField is one field with the line of the file in which it starts.
type mtField struct {
	tag   string
	value string // its lines, separated by line feeds
	line  int
}

func (f mtField) place() string { return rowPlace(f.line) }

func readMT940(g *guard, currency money.Currency) ([]Statement, error) {
	r := &mtReader{currency: currency}
	in := bufio.NewReaderSize(g, bufferBytes)
	var open *mtField
	for number := 1; ; number++ {
		g.allow(g.read, RecordBytesMax, func() *Fault {
			return fault(rowPlace(number), "", "has more than %d bytes", RecordBytesMax)
		})
		text, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		ended := errors.Is(err, io.EOF)
		if err := r.line(strings.TrimRight(text, "\r\n"), number, &open); err != nil {
			return nil, err
		}
		if ended {
			break
		}
	}
	if open != nil {
		if err := r.field(*open); err != nil {
			return nil, err
		}
	}
	return r.statements, r.end("ends before the closing balance :62F: of its last statement")
}

// line adds a line of the file to the open field, or begins another one.
func (r *mtReader) line(text string, number int, open **mtField) error {
	if number == 1 {
		if utf16Mark(text) {
			return fault("", "encoding", "is UTF-16; save the file as UTF-8")
		}
		text = strings.TrimPrefix(text, markUTF8)
	}
	if !utf8.ValidString(text) {
		text, _ = charmap.ISO8859_1.NewDecoder().String(text) // every byte is a character there
	}
	if at := strings.Index(text, "{4:"); strings.HasPrefix(text, "{1:") && at >= 0 {
		text = text[at+len("{4:"):] // the envelope of the network
	}
	tag, value, isField := cutTag(text)
	if !isField {
		if text == "" || text == "-" || strings.HasPrefix(text, "-}") || strings.HasPrefix(text, "{") {
			return nil
		}
		if *open == nil {
			return fault(rowPlace(number), "", "is no field of an MT940 statement")
		}
		if strings.Count((*open).value, "\n") == continuedMax {
			return fault((*open).place(), (*open).tag, "has more than %d lines", continuedMax)
		}
		(*open).value += "\n" + text
		return nil
	}
	done := *open
	*open = &mtField{tag: tag, value: value, line: number}
	if done == nil {
		return nil
	}
	return r.field(*done)
}

const tagMax = 3 // "28C"

// cutTag splits ":61:text" into tag and text.
func cutTag(text string) (tag, value string, ok bool) {
	rest, ok := strings.CutPrefix(text, ":")
	if !ok {
		return "", "", false
	}
	tag, value, ok = strings.Cut(rest, ":")
	if !ok || len(tag) < 2 || len(tag) > tagMax || tag[0] < '0' || tag[0] > '9' || tag[1] < '0' || tag[1] > '9' {
		return "", "", false
	}
	return tag, value, true
}

// field takes one complete field.
func (r *mtReader) field(f mtField) error {
	switch f.tag {
	case "20":
		return r.begin(f)
	case "25":
		if r.stage != stageBegun {
			return r.misplaced(f)
		}
		r.current.Account = strings.TrimSpace(f.value)
		if r.current.Account == "" || len(r.current.Account) > ReferenceBytesMax {
			return fault(f.place(), f.tag, "must have 1 to %d bytes", ReferenceBytesMax)
		}
	case "28C", "28":
		if r.stage != stageBegun {
			return r.misplaced(f)
		}
		var err error
		r.current.Reference, err = reference(f.place(), f.tag, r.current.Reference+"/"+f.value)
		return err
	case "60F", "60M":
		return r.opening(f)
	case "61":
		return r.movement(f)
	case "86":
		return r.information(f)
	case "62F", "62M":
		return r.closing(f)
	}
	return nil // available balances and what else a bank adds
}

func (r *mtReader) misplaced(f mtField) error {
	return fault(f.place(), f.tag, "is not where it belongs in a statement: 20, 25, 28C, 60F, 61 and 86, 62F")
}

func (r *mtReader) begin(f mtField) error {
	if err := r.end("begins before the closing balance :62F: of the statement before"); err != nil {
		return err
	}
	if len(r.statements) == StatementsMax {
		return fmt.Errorf("%w: more than %d statements", ErrTooLarge, StatementsMax)
	}
	name, err := reference(f.place(), f.tag, f.value)
	if err != nil {
		return err
	}
	r.statements = append(r.statements, Statement{Place: f.place(), Reference: name, Stated: true})
	r.current, r.stage = &r.statements[len(r.statements)-1], stageBegun
	return nil
}

// end makes sure that the statement before is complete.
func (r *mtReader) end(detail string) error {
	if r.stage == stageNone || r.stage == stageClosed {
		return nil
	}
	return fault(r.current.Place, "", "%s", detail)
}

func (r *mtReader) opening(f mtField) error {
	if r.stage != stageBegun || r.current.Account == "" {
		return r.misplaced(f)
	}
	amount, date, err := r.balance(f)
	r.current.Opening, r.openedOn, r.stage = amount, date, stageOpened
	return err
}

func (r *mtReader) closing(f mtField) error {
	if r.stage != stageOpened {
		return r.misplaced(f)
	}
	amount, date, err := r.balance(f)
	if err != nil {
		return err
	}
	if date.Before(r.openedOn) {
		return fault(f.place(), f.tag, "is dated before the opening balance")
	}
	r.current.Closing, r.stage = amount, stageClosed
	from := r.openedOn
	if from.Before(date) {
		from = from.AddDays(1) // the opening balance is the closing balance of the day before
	}
	r.current.span(from, date)
	return nil
}

// Sizes of what fields are made of.
const (
	mtDateBytes     = 6
	mtEntryBytes    = 4
	mtCurrencyBytes = 3
	mtTypeBytes     = 4
)

// balance reads "C260301INR1234,56".
func (r *mtReader) balance(f mtField) (money.Amount, civil.Date, error) {
	text := strings.TrimSpace(f.value)
	if len(text) < 1+mtDateBytes+mtCurrencyBytes+1 || text[0] != 'C' && text[0] != 'D' {
		return money.Amount{}, civil.Date{}, fault(f.place(), f.tag, "must be C or D, YYMMDD, a currency and an amount")
	}
	date, ok := mtDate(text[1:])
	if !ok {
		return money.Amount{}, civil.Date{}, fault(f.place(), f.tag+".date", "must be a date of the form YYMMDD")
	}
	rest := text[1+mtDateBytes:]
	if rest[:mtCurrencyBytes] != r.currency.Code() {
		return money.Amount{}, civil.Date{}, fault(f.place(), f.tag+".currency", "must be %s, as the account is",
			r.currency.Code())
	}
	amount, err := mtAmount(rest[mtCurrencyBytes:], r.currency)
	if err != nil {
		return money.Amount{}, civil.Date{}, fault(f.place(), f.tag+".amount", "%v", err)
	}
	if text[0] == 'D' {
		amount = money.New(-amount.Minor(), r.currency)
	}
	return amount, date, nil
}

// mtDate reads YYMMDD; the years are those of this century.
func mtDate(text string) (civil.Date, bool) {
	const century = 2000
	if len(text) < mtDateBytes {
		return civil.Date{}, false
	}
	n, err := strconv.ParseUint(text[:mtDateBytes], 10, 32)
	if err != nil {
		return civil.Date{}, false
	}
	const hundred = 100
	d := civil.Date{
		Year: century + int(n/hundred/hundred), Month: time.Month(n / hundred % hundred), Day: int(n % hundred),
	}
	return d, plausible(d)
}

// mtAmount reads digits with a decimal comma, which the standard makes
// mandatory: "1234," and "12,5" are amounts.
func mtAmount(text string, currency money.Currency) (money.Amount, error) {
	digits, fraction, ok := strings.Cut(text, ",")
	if !ok || strings.Trim(digits+fraction, "0123456789") != "" {
		return money.Amount{}, errNumber
	}
	if fraction != "" {
		digits += "," + fraction
	}
	return number(digits, ',', 0, currency)
}

// movement reads field 61, "2603010301C1234,56NTRFcustomer//bank", with further
// details on a second line.
func (r *mtReader) movement(f mtField) error {
	if r.stage != stageOpened {
		return r.misplaced(f)
	}
	if r.lines == LinesMax {
		return fmt.Errorf("%w: more than %d lines", ErrTooLarge, LinesMax)
	}
	r.lines++
	head, more, _ := strings.Cut(f.value, "\n")
	line := Line{Place: f.place(), Text: tidy(more)}
	var ok bool
	if line.ValueDate, ok = mtDate(head); !ok {
		return fault(f.place(), "61.value_date", "must be a date of the form YYMMDD")
	}
	rest := head[mtDateBytes:]
	line.BookingDate = line.ValueDate
	if len(rest) >= mtEntryBytes && strings.Trim(rest[:mtEntryBytes], "0123456789") == "" {
		if line.BookingDate, ok = entryDate(line.ValueDate, rest[:mtEntryBytes]); !ok {
			return fault(f.place(), "61.entry_date", "must be a date of the form MMDD")
		}
		rest = rest[mtEntryBytes:]
	}
	out, rest, ok := mtMark(rest)
	if !ok {
		return fault(f.place(), "61.mark", "must be C, D, RC or RD")
	}
	end := strings.IndexFunc(rest, func(c rune) bool { return c != ',' && (c < '0' || c > '9') })
	if end < 0 {
		end = len(rest)
	}
	amount, err := mtAmount(rest[:end], r.currency)
	if err != nil {
		return fault(f.place(), "61.amount", "%v", err)
	}
	if amount.IsZero() {
		return fault(f.place(), "61.amount", "must not be zero")
	}
	line.Amount = amount
	if out {
		line.Amount = money.New(-amount.Minor(), r.currency)
	}
	if len(rest) < end+mtTypeBytes {
		return fault(f.place(), "61.type", "must be a letter and three characters")
	}
	customer, bank, _ := strings.Cut(rest[end+mtTypeBytes:], "//")
	if line.Reference, err = reference(f.place(), "61.reference", customer); err != nil {
		return err
	}
	if line.BankReference, err = reference(f.place(), "61.bank_reference", bank); err != nil {
		return err
	}
	r.current.Lines = append(r.current.Lines, line)
	return nil
}

// mtMark reads the direction and the funds code, and tells whether money went
// out. The reversal of a credit takes money out, that of a debit brings it in.
func mtMark(text string) (out bool, rest string, ok bool) {
	reversal := strings.HasPrefix(text, "R")
	text = strings.TrimPrefix(text, "R")
	if text == "" || text[0] != 'C' && text[0] != 'D' {
		return false, "", false
	}
	out = (text[0] == 'D') != reversal
	text = text[1:]
	if text != "" && text[0] >= 'A' && text[0] <= 'Z' {
		text = text[1:] // the third letter of the currency
	}
	return out, text, true
}

// entryDate finds the year of MMDD: the one that brings it next to the value date.
func entryDate(value civil.Date, text string) (civil.Date, bool) {
	d, ok := mtDate(fmt.Sprintf("%02d", value.Year%100) + text)
	if !ok { // 29 February may belong to the year beside
		d = civil.Date{}
	}
	const half = 183
	for _, years := range []int{0, -1, 1} {
		near, fits := mtDate(fmt.Sprintf("%02d", (value.Year+years)%100) + text)
		if fits && near.DaysSince(value) <= half && value.DaysSince(near) <= half {
			return near, true
		}
	}
	return d, ok
}

// information adds field 86 to the line before it; behind the closing balance
// it is about the whole statement.
func (r *mtReader) information(f mtField) error {
	if r.stage == stageClosed {
		return nil
	}
	if r.stage != stageOpened || len(r.current.Lines) == 0 {
		return r.misplaced(f)
	}
	line := &r.current.Lines[len(r.current.Lines)-1]
	info := readInformation(f.value)
	line.Text = tidy(line.Text + " " + info.text)
	line.Counterparty = tidy(info.name)
	if line.Reference != "" || info.endToEnd == "" {
		return nil
	}
	var err error
	line.Reference, err = reference(f.place(), "86.reference", info.endToEnd)
	return err
}
