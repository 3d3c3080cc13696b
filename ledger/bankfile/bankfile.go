// Package bankfile reads the statements that banks send: CSV in a declared
// form, camt.053 (ISO 20022) and MT940 (SWIFT), each into the same plain
// Statement. It reads a stream once, within named limits, and refuses a file
// as a whole when anything in it is wrong: a Fault names the place and the field.
//
// It must not know the ledger, databases or HTTP, nor match anything.
package bankfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

// Limits of a file.
const (
	// BytesMax bounds a file: 64 MiB. What follows is not read.
	BytesMax int64 = 64 << 20
	// LinesMax bounds the lines of all statements of a file.
	LinesMax = 250_000
	// StatementsMax bounds the statements of a file.
	StatementsMax = 400
	// RecordBytesMax bounds one CSV record, one MT940 line and one token of XML.
	RecordBytesMax = 64 << 10
	// ReferenceBytesMax bounds references; a longer one is refused, because a cut
	// one would match wrongly.
	ReferenceBytesMax = 200
	// TextBytesMax bounds what a line says in words; the rest is left out.
	TextBytesMax = 1_000
	// AmountMax bounds an amount in minor units, as a line of the ledger is bounded.
	AmountMax int64 = 1_000_000_000_000_000
)

// Format is a form of bank files.
type Format string

// The formats.
const (
	CSV     Format = "CSV"
	Camt053 Format = "CAMT053"
	MT940   Format = "MT940"
)

// Line is one movement on the bank account.
type Line struct {
	// Place says where in the file it is: "line[17]" or "Stmt[1].Ntry[3]".
	Place string
	// BookingDate is when the bank booked it, ValueDate from when it counts.
	BookingDate, ValueDate civil.Date
	// Amount is positive when money came in, and never zero.
	Amount money.Amount
	// Reference is what the parties named the payment: the end-to-end id or the
	// customer's reference. BankReference is the bank's own.
	Reference, BankReference string
	// Counterparty is the name of the other side, and Text the remittance information.
	Counterparty, Text string
}

// Statement is the lines of one account between two balances.
type Statement struct {
	// Place says where in the file it begins.
	Place string
	// Reference is the statement's name at the bank; Account is the bank
	// account's number there, IBAN if it has one. CSV files have neither.
	Reference, Account string
	// From and To are its first and its last day.
	From, To         civil.Date
	Opening, Closing money.Amount
	// Stated says that the file or its sender states the balances; otherwise
	// Opening is zero and Closing the sum of the lines.
	Stated bool
	Lines  []Line
}

// File is what was read.
type File struct {
	Statements []Statement
	// Hash is SHA-256 over the bytes of the file.
	Hash [sha256.Size]byte
	// Lines counts those of all statements.
	Lines int
}

// Options say what is known about a file beside its content.
type Options struct {
	Format Format
	// Currency is that of the account; a line in another one is a fault.
	Currency money.Currency
	// Mapping describes a CSV file.
	Mapping Mapping
	// Opening and Closing are the balances of a CSV file, if the sender states them.
	Opening, Closing *money.Amount
}

// ErrTooLarge means that the file exceeds a limit; ErrFormat is matched by
// every Fault.
var (
	ErrTooLarge = errors.New("the file is too large")
	ErrFormat   = errors.New("the file cannot be read")
)

// Fault is what is wrong with a file, and where. It never repeats what the file
// says: that may be personal.
type Fault struct {
	// Place is as in Line; "" means the file as a whole.
	Place string
	// Field is the field at fault: a CSV column's purpose, an XML element, an
	// MT940 tag. It may be "".
	Field  string
	Detail string
}

// Error implements error.
func (f *Fault) Error() string { return f.FieldName() + ": " + f.Detail }

// FieldName returns the path of the field: "file.line[17].amount".
func (f *Fault) FieldName() string {
	name := "file"
	if f.Place != "" {
		name += "." + f.Place
	}
	if f.Field != "" {
		name += "." + f.Field
	}
	return name
}

// Is reports whether target is ErrFormat.
func (f *Fault) Is(target error) bool { return target == ErrFormat }

func fault(place, field, format string, args ...any) *Fault {
	return &Fault{Place: place, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// Read reads a file to its end and checks it as a whole: every line, and that
// opening balance and lines make the closing balance. The error is a *Fault,
// ErrTooLarge, or what the source says when it cannot be read on.
func Read(source io.Reader, o Options) (File, error) {
	hash := sha256.New()
	g := &guard{source: io.TeeReader(source, hash), room: BytesMax}
	var statements []Statement
	var err error
	switch o.Format {
	case CSV:
		statements, err = readCSV(g, o)
	case Camt053:
		statements, err = readCamt(g, o.Currency)
	case MT940:
		statements, err = readMT940(g, o.Currency)
	default:
		err = fault("", "format", "must be CSV, CAMT053 or MT940")
	}
	if g.failed != nil { // what a parser makes of a broken source is no news
		return File{}, g.failed
	}
	if err != nil {
		return File{}, err
	}
	f := File{Statements: statements}
	hash.Sum(f.Hash[:0])
	return f, f.check()
}

// Name returns the hash in hexadecimal.
func (f File) Name() string { return hex.EncodeToString(f.Hash[:]) }

// check holds what all formats have in common.
func (f *File) check() error {
	if len(f.Statements) == 0 {
		return fault("", "", "has no statement")
	}
	for i := range f.Statements {
		s := &f.Statements[i]
		f.Lines += len(s.Lines)
		if err := s.checkBalances(); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		before := &f.Statements[i-1]
		if s.Account != before.Account {
			return fault(s.Place, "account", "is another account than that of the statement before; send one file for each")
		}
		if s.From.Before(before.From) {
			return fault(s.Place, "", "begins before the statement in front of it")
		}
		if s.Stated && s.Opening != before.Closing {
			return fault(s.Place, "opening_balance", "is %s, but the statement before closes with %s", s.Opening, before.Closing)
		}
	}
	return nil
}

// checkBalances sums the lines, and fills in what CSV files do not state.
func (s *Statement) checkBalances() error {
	sum := s.Opening
	for _, line := range s.Lines {
		var err error
		if sum, err = sum.Add(line.Amount); err != nil {
			return fault(line.Place, "amount", "makes the sum of the statement exceed the range of amounts")
		}
	}
	if !s.Stated {
		s.Closing = sum
		return nil
	}
	if sum != s.Closing {
		return fault(s.Place, "closing_balance", "is %s, but the opening balance and the %d lines make %s", s.Closing,
			len(s.Lines), sum)
	}
	return nil
}

// span fills in From and To from the lines and the dates of the balances; zero
// dates are unknown.
func (s *Statement) span(from, to civil.Date) {
	s.From, s.To = from, to
	for _, line := range s.Lines {
		if s.From.IsZero() || line.BookingDate.Before(s.From) {
			s.From = line.BookingDate
		}
		if s.To.IsZero() || line.BookingDate.After(s.To) {
			s.To = line.BookingDate
		}
	}
}
