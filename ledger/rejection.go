package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Errors of the ledger, for errors.Is.
var (
	// ErrRejected matches every *Rejection.
	ErrRejected = errors.New("rejected by the ledger")
	// ErrKeyReused means that the key was used before for another entry.
	ErrKeyReused = errors.New("entry key was used with a different entry")
)

// RejectionCode says why something was rejected. It is an error, so that
// errors.Is(err, ledger.LimitExceeded) tells one reason from the others.
type RejectionCode string

// Error implements error.
func (c RejectionCode) Error() string { return string(c) }

// The reasons. Those from EntryTooShort to Unbalanced depend on the entry
// alone; those from AccountUnknown on depend on the books as well.
const (
	FieldInvalid      RejectionCode = "FIELD_INVALID"
	EntryTooShort     RejectionCode = "ENTRY_TOO_SHORT"
	EntryTooLong      RejectionCode = "ENTRY_TOO_LONG"
	SideInvalid       RejectionCode = "SIDE_INVALID"
	AmountNotPositive RejectionCode = "AMOUNT_NOT_POSITIVE"
	AmountTooLarge    RejectionCode = "AMOUNT_TOO_LARGE"
	SumOverflow       RejectionCode = "SUM_OVERFLOW"
	Unbalanced        RejectionCode = "UNBALANCED"

	AccountUnknown   RejectionCode = "ACCOUNT_UNKNOWN"
	AccountClosed    RejectionCode = "ACCOUNT_CLOSED"
	AccountNotEmpty  RejectionCode = "ACCOUNT_NOT_EMPTY"
	AccountDiffers   RejectionCode = "ACCOUNT_DIFFERS"
	GLAccountUnknown RejectionCode = "GL_ACCOUNT_UNKNOWN"
	CurrencyMismatch RejectionCode = "CURRENCY_MISMATCH"
	LimitExceeded    RejectionCode = "LIMIT_EXCEEDED"
	PeriodClosed     RejectionCode = "PERIOD_CLOSED"
	ReversesUnknown  RejectionCode = "REVERSES_UNKNOWN"
	AlreadyReversed  RejectionCode = "ALREADY_REVERSED"
	NotAMirror       RejectionCode = "NOT_A_MIRROR"
	// PendingResolved means that the pending entry was posted, voided or
	// expired before; PendingOverdue that its time is over.
	PendingResolved RejectionCode = "PENDING_RESOLVED"
	PendingOverdue  RejectionCode = "PENDING_OVERDUE"
	PendingExceeded RejectionCode = "PENDING_EXCEEDED"
)

// NoLine is the Line of a rejection that is about the whole.
const NoLine = -1

// Rejection is a definite no with its reason. The same input against the same
// books is always rejected the same way, at the first fault in line order.
type Rejection struct {
	Code RejectionCode
	// Line is the index of the line at fault, or NoLine.
	Line int
	// Field is the name of the field at fault, as the API spells it.
	Field string
	// Detail says what was expected. It holds no personal data.
	Detail string
}

// Error implements error.
func (r *Rejection) Error() string {
	return fmt.Sprintf("%s: %s %s", r.Code, r.FieldName(), r.Detail)
}

// FieldName returns the path of the field at fault: "effective_date" or
// "lines[3].amount".
func (r *Rejection) FieldName() string {
	if r.Line == NoLine {
		return r.Field
	}
	if r.Field == "" {
		return fmt.Sprintf("lines[%d]", r.Line)
	}
	return fmt.Sprintf("lines[%d].%s", r.Line, r.Field)
}

// Is reports whether target is ErrRejected or this rejection's code.
func (r *Rejection) Is(target error) bool { return target == ErrRejected || target == error(r.Code) }

// Permanent reports whether no change of the books could make the same input
// acceptable.
func (r *Rejection) Permanent() bool {
	switch r.Code {
	case FieldInvalid, EntryTooShort, EntryTooLong, SideInvalid, AmountNotPositive, AmountTooLarge, SumOverflow,
		Unbalanced:
		return true
	}
	return false
}

func reject(code RejectionCode, field, detail string) *Rejection {
	return &Rejection{Code: code, Line: NoLine, Field: field, Detail: detail}
}

// RejectLine returns a rejection of one line of an entry.
func RejectLine(code RejectionCode, line int, field, detail string) *Rejection {
	return &Rejection{Code: code, Line: line, Field: field, Detail: detail}
}

// Reject returns a rejection that names a field of the whole.
func Reject(code RejectionCode, field, detail string) *Rejection { return reject(code, field, detail) }

// Limits of texts and metadata, in bytes unless said otherwise.
const (
	CodeLengthMax        = 100
	NameLengthMax        = 200
	KeyLengthMax         = 320
	KindLengthMax        = 40
	ReferenceLengthMax   = 100
	DescriptionLengthMax = 500
	PostedByLengthMax    = 100
	// MetadataMax is the number of pairs.
	MetadataMax            = 20
	MetadataKeyLengthMax   = 40
	MetadataValueLengthMax = 200
)

const codePunctuation = "._:/-"

// checkCode accepts what is safe in every export format: ASCII letters, digits
// and a little punctuation.
func checkCode(s, field string, longest int) error {
	if s == "" || len(s) > longest {
		return reject(FieldInvalid, field, fmt.Sprintf("must have 1 to %d characters", longest))
	}
	for _, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && !strings.ContainsRune(codePunctuation, r) {
			return reject(FieldInvalid, field, "may have letters, digits and "+codePunctuation+" only")
		}
	}
	return nil
}

func checkText(s, field string, shortest, longest int) error {
	if len(s) < shortest || len(s) > longest {
		return reject(FieldInvalid, field, fmt.Sprintf("must have %d to %d bytes", shortest, longest))
	}
	if !utf8.ValidString(s) {
		return reject(FieldInvalid, field, "must be valid UTF-8")
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return reject(FieldInvalid, field, "must not have control characters")
	}
	return nil
}

func checkMetadata(pairs map[string]string) error {
	if len(pairs) > MetadataMax {
		return reject(FieldInvalid, "metadata", fmt.Sprintf("must have at most %d pairs", MetadataMax))
	}
	for _, key := range slices.Sorted(maps.Keys(pairs)) { // sorted: the same fault is named each time
		if err := checkCode(key, "metadata", MetadataKeyLengthMax); err != nil {
			return err
		}
		if err := checkText(pairs[key], "metadata."+key, 0, MetadataValueLengthMax); err != nil {
			return err
		}
	}
	return nil
}
