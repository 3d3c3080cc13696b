package discussion

import (
	"errors"
	"strings"

	"github.com/tenor-lending/tenor/amortization"
)

// Errors of the service, for errors.Is.
var (
	// ErrNoOffer means no offer was made yet.
	ErrNoOffer = errors.New("no offer has been made")
	// ErrNotCurrent means the offer is not the one that is open.
	ErrNotCurrent = errors.New("this is not the offer that is open")
	// ErrExpired means the offer can no longer be accepted.
	ErrExpired = errors.New("the offer has expired")
	// ErrInvalid is matched by every FieldError.
	ErrInvalid = errors.New("invalid value")
)

// FieldError is a value of a request that cannot be accepted.
type FieldError struct {
	Field   string
	Message string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// FieldName returns the name of the field in the request.
func (e *FieldError) FieldName() string { return e.Field }

// Is makes every FieldError match ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// termsErrors turns the faults of terms into errors that name the fields of an
// offer. An error that is no such fault stays as it is.
func termsErrors(err error) error {
	faults := amortization.Faults(err)
	if len(faults) == 0 {
		return err
	}
	list := make([]error, len(faults))
	for i, fault := range faults {
		field := strings.Replace(fault.Field, "fees[", "charges[", 1)
		if field == "method" || strings.HasPrefix(field, "rounding") {
			field = "instalments" // the officer chooses neither: there are too many instalments for the amount and rate
		}
		list[i] = &FieldError{field, fault.Message}
	}
	return errors.Join(list...)
}
