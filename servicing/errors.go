package servicing

import (
	"errors"
	"fmt"
)

// Errors of commands, for errors.Is. A refused command changes nothing.
var (
	// ErrNotActive means the loan does not take payments: it is not disbursed
	// yet, repaid or cancelled. The message says which.
	ErrNotActive = errors.New("loan is not active")
	// ErrWrongState means that a step of disbursement does not fit the loan's state.
	ErrWrongState = errors.New("step does not fit the state of the loan")
	// ErrOutstanding means the loan cannot be closed while something is owed.
	ErrOutstanding = errors.New("loan has an outstanding amount")
	// ErrPayoffShort means the amount does not pay the loan off.
	ErrPayoffShort = errors.New("amount is below the payoff")
	// ErrScheduleHash means the terms do not give the schedule that was signed.
	ErrScheduleHash = errors.New("schedule differs from the one agreed")
	// ErrNeedsHistory means the command counts from before something else that
	// happened: give Do the facts of the loan.
	ErrNeedsHistory = errors.New("the facts of the loan are needed")
	// ErrConflict means that something that happened later could not have happened
	// after the command.
	ErrConflict = errors.New("contradicts what happened later")
	// ErrDuplicate means the id was used before.
	ErrDuplicate = errors.New("was done before")
	// ErrAlreadyReversed means the target was reversed before.
	ErrAlreadyReversed = errors.New("was reversed before")
	// ErrNotReversible means that the target cannot be reversed.
	ErrNotReversible = errors.New("cannot be reversed")
	// ErrQuoteVoid means that a quote has expired, or that what it was based on has
	// turned out not to be so.
	ErrQuoteVoid = errors.New("quote is not valid")
	// ErrInvalid is matched by every InvalidError.
	ErrInvalid = errors.New("invalid value")
	// ErrCorrupt means stored facts do not fold to a loan.
	ErrCorrupt = errors.New("facts do not fit each other")
)

// InvalidError is a value of a command that can never be right for this loan.
type InvalidError struct {
	// Field names the value in the words of the API.
	Field string
	// Reason is for people.
	Reason string
}

// Error returns the field and the reason.
func (e *InvalidError) Error() string { return e.Field + ": " + e.Reason }

// Is makes every InvalidError match ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// FieldName returns the name of the field.
func (e *InvalidError) FieldName() string { return e.Field }

func invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)}
}
