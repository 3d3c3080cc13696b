package bankfile

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tenor-lending/tenor/internal/money"
)

// fieldsMax bounds the fields of a CSV record.
const fieldsMax = 200

// csvReader reads one CSV file.
type csvReader struct {
	guard  *guard
	rows   *csv.Reader
	m      Mapping
	o      Options
	layout string
	at     map[string]int // place of each named field in a row
	lines  []Line
	// balances are what the column balance says after each line.
	balances []money.Amount
}

// rowPlace is the place of the row that starts in a line of the file.
func rowPlace(line int) string { return fmt.Sprintf("line[%d]", line) }

func readCSV(g *guard, o Options) ([]Statement, error) {
	if err := o.Mapping.Validate(); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(g, bufferBytes)
	head, err := in.Peek(len(markUTF8))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if utf16Mark(string(head)) {
		return nil, fault("", "encoding", "is UTF-16; save the file as UTF-8")
	}
	if string(head) == markUTF8 {
		if _, err := in.Discard(len(markUTF8)); err != nil {
			return nil, err
		}
	}
	text, _ := charset(o.Mapping.Encoding, in) // the mapping is valid
	layout, _ := dateLayout(o.Mapping.DateLayout)
	r := &csvReader{guard: g, rows: csv.NewReader(text), m: o.Mapping, o: o, layout: layout}
	r.rows.Comma, _ = utf8.DecodeRuneInString(o.Mapping.Delimiter)
	r.rows.FieldsPerRecord, r.rows.ReuseRecord = -1, true
	if err := r.read(); err != nil {
		return nil, err
	}
	return r.statement()
}

// row returns the next row and the line of the file in which it starts.
func (r *csvReader) row() ([]string, string, error) {
	r.guard.allow(r.guard.read, RecordBytesMax, func() *Fault {
		return fault("", "", "has a row of more than %d bytes, or a quotation mark that is never closed", RecordBytesMax)
	})
	row, err := r.rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, "", io.EOF
	}
	var broken *csv.ParseError
	if errors.As(err, &broken) {
		return nil, "", fault(rowPlace(broken.StartLine), "", "is not well-formed CSV: %v", broken.Err)
	}
	if err != nil {
		return nil, "", err
	}
	line, _ := r.rows.FieldPos(0)
	place := rowPlace(line)
	if len(row) > fieldsMax {
		return nil, "", fault(place, "", "has more than %d fields", fieldsMax)
	}
	for _, field := range row {
		if !utf8.ValidString(field) {
			return nil, "", fault(place, "", "is not valid UTF-8; declare the encoding")
		}
	}
	return row, place, nil
}

func (r *csvReader) read() error {
	for range r.m.SkipRows {
		if _, _, err := r.row(); err != nil {
			return atEnd(err, "ends before its first line")
		}
	}
	width := 0
	if r.m.Header {
		row, place, err := r.row()
		if err != nil {
			return atEnd(err, "ends before its header")
		}
		width = len(row)
		if err := r.locate(row, place); err != nil {
			return err
		}
	}
	for {
		row, place, err := r.row()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if width == 0 {
			width = len(row)
			if err := r.locate(nil, place); err != nil {
				return err
			}
		}
		if len(row) != width {
			return fault(place, "", "has %d fields where the rows before have %d; is another delimiter used in it?", len(row),
				width)
		}
		if len(r.lines) == LinesMax {
			return fmt.Errorf("%w: more than %d lines", ErrTooLarge, LinesMax)
		}
		if err := r.line(row, place); err != nil {
			return err
		}
	}
}

// atEnd says what it means that there is no further row.
func atEnd(err error, meaning string) error {
	if errors.Is(err, io.EOF) {
		return fault("", "", "%s", meaning)
	}
	return err
}

// locate finds the columns of the mapping in the header.
func (r *csvReader) locate(header []string, place string) error {
	r.at = map[string]int{}
	for field, column := range r.m.columns() {
		if column == "" {
			continue
		}
		at, numbered := column.number()
		if !numbered {
			at = slices.IndexFunc(header, func(name string) bool { return strings.TrimSpace(name) == string(column) })
			twice := slices.IndexFunc(header[at+1:], func(name string) bool {
				return strings.TrimSpace(name) == string(column)
			})
			if at < 0 {
				return fault(place, field, "has no column with the name that the mapping declares; is the delimiter right?")
			}
			if twice >= 0 {
				return fault(place, field, "has two columns with the name that the mapping declares")
			}
		}
		r.at[field] = at
	}
	return nil
}

// get returns a field of a row, "" for a column that the file does not have.
func (r *csvReader) get(row []string, place, field string) (string, error) {
	at, ok := r.at[field]
	if !ok {
		return "", nil
	}
	if at >= len(row) {
		return "", fault(place, field, "is column %d, but the row has %d", at+1, len(row))
	}
	return strings.TrimSpace(row[at]), nil
}

func (r *csvReader) line(row []string, place string) error {
	fields := make(map[string]string, len(r.at))
	for field := range r.m.columns() {
		value, err := r.get(row, place, field)
		if err != nil {
			return err
		}
		fields[field] = value
	}
	line := Line{Place: place, Counterparty: tidy(fields["counterparty"])}
	var ok bool
	if line.BookingDate, ok = readDate(r.layout, fields["booking_date"]); !ok {
		return fault(place, "booking_date", "must be a date of the form %s", r.m.DateLayout)
	}
	line.ValueDate = line.BookingDate
	if fields["value_date"] != "" {
		if line.ValueDate, ok = readDate(r.layout, fields["value_date"]); !ok {
			return fault(place, "value_date", "must be a date of the form %s", r.m.DateLayout)
		}
	}
	if code := fields["currency"]; code != "" && code != r.o.Currency.Code() {
		return fault(place, "currency", "must be %s, as the account is", r.o.Currency.Code())
	}
	var err error
	if line.Reference, err = reference(place, "reference", fields["reference"]); err != nil {
		return err
	}
	if line.BankReference, err = reference(place, "bank_reference", fields["bank_reference"]); err != nil {
		return err
	}
	var words []string
	for i := range r.m.Text {
		words = append(words, fields[fmt.Sprintf("text[%d]", i)])
	}
	line.Text = tidy(strings.Join(words, " "))
	if line.Amount, err = r.amount(fields, place); err != nil {
		return err
	}
	if r.m.Balance != "" {
		balance, err := r.money(fields["balance"], place, "balance")
		if err != nil {
			return err
		}
		r.balances = append(r.balances, balance)
	}
	r.lines = append(r.lines, line)
	return nil
}

// money reads a number of a row.
func (r *csvReader) money(text, place, field string) (money.Amount, error) {
	group := byte(0)
	if r.m.Group != "" {
		group = r.m.Group[0]
	}
	amount, err := number(text, r.m.Decimal[0], group, r.o.Currency)
	if err != nil {
		hint := ""
		if other := strings.IndexAny(text, ".,"); other >= 0 {
			hint = fmt.Sprintf("; the mapping says that the decimal mark is %q and %q stands between groups", r.m.Decimal,
				r.m.Group)
		}
		return money.Amount{}, fault(place, field, "%v%s", err, hint)
	}
	return amount, nil
}

// amount reads the signed amount of a row.
func (r *csvReader) amount(fields map[string]string, place string) (money.Amount, error) {
	amount, err := r.signed(fields, place)
	if err == nil && amount.IsZero() {
		return money.Amount{}, fault(place, "amount", "must not be zero")
	}
	return amount, err
}

func (r *csvReader) signed(fields map[string]string, place string) (money.Amount, error) {
	if r.m.Amount == "" {
		return r.inOrOut(fields["in"], fields["out"], place)
	}
	amount, err := r.money(fields["amount"], place, "amount")
	if err != nil {
		return money.Amount{}, err
	}
	out := r.m.NegativeIsIn
	if r.m.Mark != "" {
		mark := fields["mark"]
		out = slices.Contains(r.m.OutMarks, mark)
		if !out && !slices.Contains(r.m.InMarks, mark) {
			return money.Amount{}, fault(place, "mark", "must be one of the words that the mapping lists")
		}
		if amount.IsNegative() {
			return money.Amount{}, fault(place, "amount", "must not be negative, since the mark tells the direction")
		}
	}
	if out {
		amount = money.New(-amount.Minor(), r.o.Currency)
	}
	return amount, nil
}

// inOrOut reads two columns of which one is filled; a zero counts as empty.
func (r *csvReader) inOrOut(in, out, place string) (money.Amount, error) {
	sum := money.Zero(r.o.Currency)
	for _, side := range []struct {
		field, text string
		sign        int64
	}{{"in", in, 1}, {"out", out, -1}} {
		if side.text == "" {
			continue
		}
		amount, err := r.money(side.text, place, side.field)
		switch {
		case err != nil:
			return money.Amount{}, err
		case amount.IsNegative():
			return money.Amount{}, fault(place, side.field, "must not be negative")
		case !amount.IsZero() && !sum.IsZero():
			return money.Amount{}, fault(place, side.field, "must be empty when the other column is filled")
		}
		if !amount.IsZero() {
			sum = money.New(side.sign*amount.Minor(), r.o.Currency)
		}
	}
	if sum.IsZero() {
		return money.Amount{}, fault(place, "in", "or out must be filled")
	}
	return sum, nil
}

// chain checks that the column balance follows from the lines, and returns the
// balances before the first and after the last one.
func (r *csvReader) chain() (opening, closing money.Amount, err error) {
	opening, err = r.balances[0].Sub(r.lines[0].Amount)
	if err != nil {
		return opening, closing, fault(r.lines[0].Place, "balance", "%v", errRange)
	}
	closing = opening
	for i, line := range r.lines {
		closing, err = closing.Add(line.Amount)
		if err != nil {
			return opening, closing, fault(line.Place, "balance", "%v", errRange)
		}
		if closing != r.balances[i] {
			return opening, closing, fault(line.Place, "balance", "is %s, but the balance before and the amount make %s",
				r.balances[i], closing)
		}
	}
	return opening, closing, nil
}

// statement makes the one statement of the file. Balances that the sender
// states must agree with those of the column.
func (r *csvReader) statement() ([]Statement, error) {
	if len(r.lines) == 0 {
		return nil, fault("", "", "has no line")
	}
	if r.m.NewestFirst {
		slices.Reverse(r.lines)
		slices.Reverse(r.balances)
	}
	s := Statement{Lines: r.lines, Opening: money.Zero(r.o.Currency)}
	s.span(r.lines[0].BookingDate, r.lines[0].BookingDate)
	if r.m.Balance != "" {
		var err error
		if s.Opening, s.Closing, err = r.chain(); err != nil {
			return nil, err
		}
		s.Stated = true
	}
	if (r.o.Opening == nil) != (r.o.Closing == nil) {
		return nil, fault("", "opening_balance", "and closing_balance must be stated both or not at all")
	}
	if r.o.Opening == nil {
		return []Statement{s}, nil
	}
	if s.Stated && (s.Opening != *r.o.Opening || s.Closing != *r.o.Closing) {
		return nil, fault("", "opening_balance",
			"and closing_balance are %s and %s in the file, which differs from what is stated", s.Opening, s.Closing)
	}
	s.Stated, s.Opening, s.Closing = true, *r.o.Opening, *r.o.Closing
	return []Statement{s}, nil
}
