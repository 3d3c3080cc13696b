package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
)

// Limits of an entry.
const (
	// LinesMin is two: value always moves from somewhere to somewhere.
	LinesMin = 2
	LinesMax = 10_000
	// LineAmountMax bounds one line, in minor units, so that thousands of the
	// largest lines still sum within int64.
	LineAmountMax int64 = 1_000_000_000_000_000
)

// KindReversal is the kind of entries made by Reverse.
const KindReversal = "REVERSAL"

// Line is one debit or credit of an entry.
type Line struct {
	AccountID uuid.UUID
	Side      Side
	// Amount is positive; the side gives it its direction.
	Amount Amount
}

// JournalEntry is a set of lines that is booked as a whole or not at all. Once
// posted it never changes; a mistake is corrected by its Reverse.
type JournalEntry struct {
	// Key is chosen by the caller and names the entry for ever: posting it
	// again gives the first outcome. It decides the entry's id.
	Key string
	// Kind says what happened, in capitals: "REPAYMENT".
	Kind string
	// EffectiveDate is the value date: from when the entry counts.
	EffectiveDate civil.Date
	// BookingDate is the date whose accounting period takes the entry; zero
	// means EffectiveDate. A late entry keeps its effective date and is booked
	// in a period that is still open.
	BookingDate civil.Date
	// Reference is the business object that it is about, such as a loan id.
	Reference   string
	Description string
	// PostedBy says who caused it: an actor's id or the name of a component.
	PostedBy string
	Metadata map[string]string
	// Reverses is the id of the entry that this one mirrors, or uuid.Nil.
	Reverses uuid.UUID
	Lines    []Line
}

// EntryID returns the id of the entry with the key.
func EntryID(key string) uuid.UUID { return uuid.NewSHA1(entrySpace, []byte(key)) }

// ID returns the entry's id, which its key decides.
func (e JournalEntry) ID() uuid.UUID { return EntryID(e.Key) }

// Normalized returns e with BookingDate filled in: the form that is posted,
// hashed and compared.
func (e JournalEntry) Normalized() JournalEntry {
	if e.BookingDate == (civil.Date{}) {
		e.BookingDate = e.EffectiveDate
	}
	return e
}

// Validate checks everything about e that does not depend on the books. The
// error is a *Rejection that names the first fault.
func (e JournalEntry) Validate() error {
	if err := e.validateHead(); err != nil {
		return err
	}
	if len(e.Lines) < LinesMin {
		return reject(EntryTooShort, "lines", fmt.Sprintf("must be at least %d", LinesMin))
	}
	if len(e.Lines) > LinesMax {
		return reject(EntryTooLong, "lines", fmt.Sprintf("must be at most %d", LinesMax))
	}
	for i, line := range e.Lines {
		if err := line.validate(i); err != nil {
			return err
		}
	}
	return e.validateBalanced()
}

func (e JournalEntry) validateHead() error {
	if err := checkText(e.Key, "key", 1, KeyLengthMax); err != nil {
		return err
	}
	if err := checkKind(e.Kind); err != nil {
		return err
	}
	if !datePlausible(e.EffectiveDate) {
		return reject(FieldInvalid, "effective_date", "must be a date from 1900 to 2999")
	}
	if e.BookingDate != (civil.Date{}) && !datePlausible(e.BookingDate) {
		return reject(FieldInvalid, "booking_date", "must be a date from 1900 to 2999")
	}
	if err := checkText(e.Reference, "reference", 0, ReferenceLengthMax); err != nil {
		return err
	}
	if err := checkText(e.Description, "description", 0, DescriptionLengthMax); err != nil {
		return err
	}
	if err := checkText(e.PostedBy, "posted_by", 0, PostedByLengthMax); err != nil {
		return err
	}
	return checkMetadata(e.Metadata)
}

func checkKind(kind string) error {
	if kind == "" || len(kind) > KindLengthMax {
		return reject(FieldInvalid, "kind", fmt.Sprintf("must have 1 to %d characters", KindLengthMax))
	}
	for i, r := range kind {
		if (r < 'A' || r > 'Z') && (i == 0 || (r < '0' || r > '9') && r != '_') {
			return reject(FieldInvalid, "kind", "must be capitals, digits and _, a capital first")
		}
	}
	return nil
}

const (
	yearMin = 1900
	yearMax = 2999
)

func datePlausible(d civil.Date) bool { return d.IsValid() && d.Year >= yearMin && d.Year <= yearMax }

func (l Line) validate(i int) error {
	switch {
	case l.AccountID == uuid.Nil:
		return RejectLine(AccountUnknown, i, "account", "must name an account")
	case !l.Side.Valid():
		return RejectLine(SideInvalid, i, "side", "must be DEBIT or CREDIT")
	case l.Amount.Currency().IsZero():
		return RejectLine(CurrencyMismatch, i, "amount", "must have a currency")
	case !l.Amount.IsPositive():
		return RejectLine(AmountNotPositive, i, "amount", "must be above zero")
	case l.Amount.Minor() > LineAmountMax:
		largest := NewAmount(LineAmountMax, l.Amount.Currency())
		return RejectLine(AmountTooLarge, i, "amount", "must be at most "+largest.String())
	}
	return nil
}

// validateBalanced compares debits with credits in each currency. Both sums
// only grow, so an overflow is noticed at the line that causes it.
func (e JournalEntry) validateBalanced() error {
	type total struct{ debits, credits Amount }
	totals := make(map[Currency]*total, 1)
	var order []Currency
	for i, line := range e.Lines {
		currency := line.Amount.Currency()
		t := totals[currency]
		if t == nil {
			t = &total{debits: NewAmount(0, currency), credits: NewAmount(0, currency)}
			totals[currency] = t
			order = append(order, currency)
		}
		sum := &t.debits
		if line.Side == Credit {
			sum = &t.credits
		}
		var err error
		*sum, err = sum.Add(line.Amount)
		if err != nil {
			return RejectLine(SumOverflow, i, "amount", "makes the sum exceed the range of amounts")
		}
	}
	for _, currency := range order {
		if t := totals[currency]; t.debits != t.credits {
			return reject(Unbalanced, "lines",
				fmt.Sprintf("have debits of %s and credits of %s", t.debits, t.credits))
		}
	}
	return nil
}

// Reversal says how to reverse an entry.
type Reversal struct {
	// Key names the reversing entry.
	Key           string
	EffectiveDate civil.Date
	// BookingDate is as in JournalEntry.
	BookingDate civil.Date
	Description string
	PostedBy    string
}

// Reverse returns the exact mirror of e: the same lines in the same order with
// their sides exchanged, about the same reference.
func (e JournalEntry) Reverse(r Reversal) JournalEntry {
	mirror := JournalEntry{
		Key: r.Key, Kind: KindReversal, EffectiveDate: r.EffectiveDate, BookingDate: r.BookingDate,
		Reference: e.Reference, Description: r.Description, PostedBy: r.PostedBy,
		Metadata: maps.Clone(e.Metadata), Reverses: e.ID(), Lines: slices.Clone(e.Lines),
	}
	for i := range mirror.Lines {
		mirror.Lines[i].Side = mirror.Lines[i].Side.Opposite()
	}
	return mirror
}

// CheckMirror rejects e unless its lines are exactly those of original with
// their sides exchanged.
func (e JournalEntry) CheckMirror(original []Line) error {
	if len(e.Lines) != len(original) {
		return reject(NotAMirror, "lines", fmt.Sprintf("must be %d, as in the reversed entry", len(original)))
	}
	for i, line := range e.Lines {
		want := original[i]
		want.Side = want.Side.Opposite()
		if line != want {
			return RejectLine(NotAMirror, i, "", "must mirror the line of the reversed entry")
		}
	}
	return nil
}

// Check rejects e when it does not suit its accounts: one is unknown to
// lookup, closed, or in another currency.
func (e JournalEntry) Check(lookup func(uuid.UUID) (Account, bool)) error {
	for i, line := range e.Lines {
		account, ok := lookup(line.AccountID)
		switch {
		case !ok:
			return RejectLine(AccountUnknown, i, "account", "names no account")
		case account.Closed:
			return RejectLine(AccountClosed, i, "account", "names a closed account")
		case account.Currency != line.Amount.Currency():
			return RejectLine(CurrencyMismatch, i, "amount", "must be in "+account.Currency.Code()+", as the account is")
		}
	}
	return nil
}

// AsRejection returns the *Rejection in the tree of err.
func AsRejection(err error) (*Rejection, bool) {
	var r *Rejection
	ok := errors.As(err, &r)
	return r, ok
}
