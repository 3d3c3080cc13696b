package customer

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/privacy"
)

// Limits of what a borrower may register with.
const (
	// AgeMin is the age of majority, in completed years.
	AgeMin = 18
	ageMax = 120
	// PasswordMin and PasswordMax bound a password, in characters.
	PasswordMin = 12
	PasswordMax = 128
	emailMax    = 254
	nameMax     = 200
)

// ErrInvalid means a value is not acceptable; the errors in its tree say which.
var ErrInvalid = errors.New("invalid value")

// FieldError names the field at fault in the words of the API. It never
// repeats the value, which may be personal. It matches ErrInvalid.
type FieldError struct {
	// Field is the JSON path: "address.country".
	Field string
	// Fault says what is wrong, without the value.
	Fault string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + " " + e.Fault }

// FieldName names the field for problem documents.
func (e *FieldError) FieldName() string { return e.Field }

// Unwrap makes the error match ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }

// faults collects what is wrong, so that all of it is said at once.
type faults []error

func (f *faults) unless(ok bool, field, fault string) {
	if !ok {
		*f = append(*f, &FieldError{Field: field, Fault: fault})
	}
}

// err returns one error with every fault in its tree, nil for none.
func (f faults) err() error { return errors.Join(f...) }

// Registration is what a borrower opens an account with.
type Registration struct {
	Email       privacy.Text
	Phone       privacy.Text
	Name        privacy.Text
	DateOfBirth civil.Date
	Password    privacy.Text
}

// normal returns the registration with its e-mail address in the one form that
// is compared and stored, and without spaces around the name.
func (r Registration) normal() Registration {
	r.Email = privacy.Text(strings.ToLower(strings.TrimSpace(r.Email.Reveal())))
	r.Name = privacy.Text(strings.Join(strings.Fields(r.Name.Reveal()), " "))
	return r
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// check returns everything that is wrong with a normal registration on today.
func (r Registration) check(today civil.Date) error {
	var f faults
	f.unless(validEmail(r.Email.Reveal()), "email", "is not a plain e-mail address")
	f.unless(e164.MatchString(r.Phone.Reveal()), "phone", "is not an E.164 number such as +919876543210")
	f.unless(validLine(r.Name.Reveal(), nameMax), "full_name",
		fmt.Sprintf("needs a letter and at most %d characters", nameMax))
	age := completedYears(r.DateOfBirth, today)
	f.unless(r.DateOfBirth.IsValid() && age >= AgeMin, "date_of_birth", fmt.Sprintf("is of a person under %d", AgeMin))
	f.unless(age <= ageMax, "date_of_birth", fmt.Sprintf("is more than %d years ago", ageMax))
	password := r.Password.Reveal()
	length := utf8.RuneCountInString(password)
	f.unless(utf8.ValidString(password) && length >= PasswordMin && length <= PasswordMax,
		"password", fmt.Sprintf("needs %d to %d characters", PasswordMin, PasswordMax))
	f.unless(!strings.EqualFold(password, r.Email.Reveal()), "password", "must differ from the e-mail address")
	return f.err()
}

// validEmail accepts a bare address with a dotted domain, nothing around it.
func validEmail(email string) bool {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || len(email) > emailMax || strings.ContainsFunc(email, unicode.IsSpace) {
		return false
	}
	_, domain, _ := strings.Cut(email, "@")
	return strings.Contains(strings.Trim(domain, "."), ".")
}

// validLine accepts one line of text with at least one letter.
func validLine(text string, runesMax int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= runesMax &&
		strings.ContainsFunc(text, unicode.IsLetter) && !strings.ContainsFunc(text, unicode.IsControl)
}

// completedYears counts birthdays from birth to today. Who is born on 29
// February has the birthday on 1 March of common years.
func completedYears(birth, today civil.Date) int {
	years := today.Year - birth.Year
	if today.Month < birth.Month || (today.Month == birth.Month && today.Day < birth.Day) {
		years--
	}
	return years
}
