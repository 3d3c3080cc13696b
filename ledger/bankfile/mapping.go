package bankfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/civil"
)

// Limits of a Mapping.
const (
	SkipRowsMax    = 100
	TextColumnsMax = 5
	columnBytesMax = 100
	markBytesMax   = 20
	marksMax       = 10
)

// Column names a column: by the text of the header row, or by "#3" for the
// third. The empty Column means that the file has none such.
type Column string

// Mapping declares the form of a CSV file.
type Mapping struct {
	// Delimiter stands between fields: "," ";" "|" or a tab.
	Delimiter string `json:"delimiter"`
	// Encoding is UTF-8 (the default), ISO-8859-1, ISO-8859-15 or WINDOWS-1252. A
	// byte-order mark of UTF-8 is skipped.
	Encoding string `json:"encoding,omitempty"`
	// SkipRows is how many rows stand above the header, or above the first line.
	SkipRows int `json:"skip_rows,omitempty"`
	// Header says that the first row after those names the columns.
	Header bool `json:"header"`
	// NewestFirst says that the latest line stands on top.
	NewestFirst bool `json:"newest_first,omitempty"`
	// Decimal is the decimal mark, "." or ","; Group stands between groups of
	// digits: "" for none, "." "," "'" or a space.
	Decimal string `json:"decimal"`
	Group   string `json:"group,omitempty"`
	// DateLayout is the form of dates: YYYY-MM-DD, DD.MM.YYYY, DD/MM/YY, DD-MMM-YYYY.
	DateLayout string `json:"date_layout"`
	// NegativeIsIn says that the file writes what came in as a negative amount.
	NegativeIsIn bool `json:"negative_is_in,omitempty"`

	BookingDate Column `json:"booking_date"`
	ValueDate   Column `json:"value_date,omitempty"`
	// Amount is the signed amount, or the unsigned one whose direction the column
	// Mark tells. Instead of it In and Out may be two columns of which one is filled.
	Amount Column `json:"amount,omitempty"`
	In     Column `json:"in,omitempty"`
	Out    Column `json:"out,omitempty"`
	// Mark tells the direction by one of the words InMarks or OutMarks.
	Mark     Column   `json:"mark,omitempty"`
	InMarks  []string `json:"in_marks,omitempty"`
	OutMarks []string `json:"out_marks,omitempty"`
	// Balance is the account's balance after the line; with it opening and
	// closing are known and every line is checked.
	Balance       Column   `json:"balance,omitempty"`
	Currency      Column   `json:"currency,omitempty"`
	Reference     Column   `json:"reference,omitempty"`
	BankReference Column   `json:"bank_reference,omitempty"`
	Counterparty  Column   `json:"counterparty,omitempty"`
	Text          []Column `json:"text,omitempty"`
}

// MappingError names the field of a Mapping at fault.
type MappingError struct{ Field, Detail string }

// Error implements error.
func (e *MappingError) Error() string { return e.Field + " " + e.Detail }

// FieldName returns the field as JSON spells it.
func (e *MappingError) FieldName() string { return e.Field }

// Is reports whether target is ErrMapping.
func (e *MappingError) Is(target error) bool { return target == ErrMapping }

// ErrMapping is matched by every MappingError.
var ErrMapping = fmt.Errorf("the mapping is not valid")

func mistaken(field, format string, args ...any) error {
	return &MappingError{Field: field, Detail: fmt.Sprintf(format, args...)}
}

// Validate returns a *MappingError that names the first fault of m.
func (m Mapping) Validate() error {
	if !slices.Contains([]string{",", ";", "|", "\t"}, m.Delimiter) {
		return mistaken("delimiter", "must be a comma, a semicolon, a bar or a tab")
	}
	if _, ok := charset(m.Encoding, nil); !ok {
		return mistaken("encoding", "must be UTF-8, ISO-8859-1, ISO-8859-15 or WINDOWS-1252")
	}
	if m.SkipRows < 0 || m.SkipRows > SkipRowsMax {
		return mistaken("skip_rows", "must be 0 to %d", SkipRowsMax)
	}
	if m.Decimal != "." && m.Decimal != "," {
		return mistaken("decimal", "must be a point or a comma")
	}
	if m.Group == m.Decimal || !slices.Contains([]string{"", ".", ",", "'", " "}, m.Group) {
		return mistaken("group", "must be empty, a point, a comma, an apostrophe or a space, and not the decimal mark")
	}
	if _, ok := dateLayout(m.DateLayout); !ok {
		return mistaken("date_layout", "must be made of YYYY or YY, MM or MMM, DD and one of . / - or nothing between them")
	}
	if err := m.validateColumns(); err != nil {
		return err
	}
	return m.validateDirection()
}

func (m Mapping) validateColumns() error {
	if m.BookingDate == "" {
		return mistaken("booking_date", "must name a column")
	}
	if len(m.Text) > TextColumnsMax {
		return mistaken("text", "must name at most %d columns", TextColumnsMax)
	}
	for field, column := range m.columns() {
		if len(column) > columnBytesMax {
			return mistaken(field, "must have at most %d bytes", columnBytesMax)
		}
		_, numbered := column.number()
		if column != "" && !numbered && !m.Header {
			return mistaken(field, "must be a number such as #3, since there is no header")
		}
	}
	return nil
}

func (m Mapping) validateDirection() error {
	switch {
	case m.Amount == "" && (m.In == "" || m.Out == ""):
		return mistaken("amount", "must name a column, or in and out must")
	case m.Amount != "" && (m.In != "" || m.Out != ""):
		return mistaken("amount", "must not be named beside in and out")
	case m.Mark != "" && m.Amount == "":
		return mistaken("mark", "needs the column amount")
	case m.Mark != "" && m.NegativeIsIn:
		return mistaken("negative_is_in", "must not be set when the column mark tells the direction")
	case m.Mark != "" && (len(m.InMarks) == 0 || len(m.OutMarks) == 0):
		return mistaken("in_marks", "and out_marks must list the words of the column mark")
	case len(m.InMarks) > marksMax || len(m.OutMarks) > marksMax:
		return mistaken("in_marks", "and out_marks must list at most %d words each", marksMax)
	}
	for _, mark := range m.InMarks {
		if len(mark) > markBytesMax || slices.Contains(m.OutMarks, mark) {
			return mistaken("in_marks", "must be words of at most %d bytes that are not in out_marks", markBytesMax)
		}
	}
	return nil
}

// columns yields every column with the name of its field, in a fixed order.
func (m Mapping) columns() func(yield func(string, Column) bool) {
	return func(yield func(string, Column) bool) {
		named := []struct {
			field  string
			column Column
		}{
			{"booking_date", m.BookingDate},
			{"value_date", m.ValueDate},
			{"amount", m.Amount},
			{"in", m.In},
			{"out", m.Out},
			{"mark", m.Mark},
			{"balance", m.Balance},
			{"currency", m.Currency},
			{"reference", m.Reference},
			{"bank_reference", m.BankReference},
			{"counterparty", m.Counterparty},
		}
		for _, n := range named {
			if !yield(n.field, n.column) {
				return
			}
		}
		for i, column := range m.Text {
			if !yield(fmt.Sprintf("text[%d]", i), column) {
				return
			}
		}
	}
}

// number returns the place of a column named "#3", from zero.
func (c Column) number() (int, bool) {
	digits, ok := strings.CutPrefix(string(c), "#")
	n, err := strconv.Atoi(digits)
	return n - 1, ok && err == nil && n >= 1 && n <= fieldsMax
}

// dateLayout turns "DD.MM.YYYY" into a layout of package time.
func dateLayout(declared string) (string, bool) {
	layout := strings.NewReplacer("YYYY", "2006", "YY", "06", "MMM", "Jan", "MM", "01", "DD", "02").Replace(declared)
	probe := time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC)
	parsed, err := time.Parse(layout, probe.Format(layout))
	if err != nil || !parsed.Equal(probe) || strings.Trim(declared, "YMD./- ") != "" {
		return "", false
	}
	return layout, true
}

// readDate reads a date in a layout of package time.
func readDate(layout, text string) (civil.Date, bool) {
	t, err := time.Parse(layout, strings.TrimSpace(text))
	if err != nil {
		return civil.Date{}, false
	}
	d := civil.DateOf(t)
	return d, plausible(d)
}
