package kyc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// Status is how far a review has come.
type Status string

// The statuses of a review.
const (
	Open     Status = "OPEN"
	Assigned Status = "ASSIGNED"
	Verified Status = "VERIFIED"
	Approved Status = "APPROVED"
	Rejected Status = "REJECTED"
)

func (s Status) decided() bool { return s == Approved || s == Rejected }

// Errors of the rules, for errors.Is.
var (
	// ErrInvalid means a value is not acceptable; the errors in its tree say which.
	ErrInvalid = errors.New("invalid value")
	// ErrNotAssigned means no officer has the review yet.
	ErrNotAssigned = errors.New("no officer has this review yet")
	// ErrNotYours means another officer has the review.
	ErrNotYours = errors.New("another officer has this review")
	// ErrNotVerified means the officer has not finished.
	ErrNotVerified = errors.New("the review is not verified yet")
	// ErrVerified means the review was verified and cannot be given to another officer.
	ErrVerified = errors.New("the review is verified already")
	// ErrDecided means a manager has decided.
	ErrDecided = errors.New("the review is decided already")
	// ErrSameHands means the manager who decides is the officer who verified.
	ErrSameHands = errors.New("whoever verified a review cannot decide it")
	// ErrCheckFailed means approval was asked for although a check failed.
	ErrCheckFailed = errors.New("a review with a failed check cannot be approved")
	// ErrEvidenceMissing means a document that the review needs is not there.
	ErrEvidenceMissing = errors.New("a required document is missing")
)

// FieldError names the field at fault in the words of the API. It never repeats
// the value. It matches ErrInvalid.
type FieldError struct {
	// Field is the JSON path: "checks.identity.notes".
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

// CheckName is one of the things that an officer checks.
type CheckName string

// The checks; a verification has all of them.
const (
	CheckIdentity  CheckName = "IDENTITY"
	CheckAddress   CheckName = "ADDRESS"
	CheckIncome    CheckName = "INCOME"
	CheckSanctions CheckName = "SANCTIONS"
)

// CheckNames lists the checks in the order of the documentation.
var CheckNames = []CheckName{CheckIdentity, CheckAddress, CheckIncome, CheckSanctions}

// Check is what an officer found.
type Check struct {
	Name CheckName `json:"name"`
	// Passed says whether the evidence holds.
	Passed bool `json:"passed"`
	// Notes are about a person: they mask themselves wherever they are printed.
	Notes privacy.Text `json:"-"`
}

// Evidence is a document of an application.
type Evidence struct {
	DocumentID  uuid.UUID
	Kind        string
	ContentType string
	SHA256      string
	Size        int64
	UploadedAt  time.Time
}

// requiredKinds are the documents without which nobody's identity is verified.
var requiredKinds = []string{"IDENTITY", "INCOME"}

// Review is the review of one application.
type Review struct {
	ApplicationID uuid.UUID
	CustomerID    uuid.UUID
	Product       string
	Amount        money.Amount
	Status        Status
	// OfficerID has the review since ASSIGNED.
	OfficerID *uuid.UUID
	// VerifiedBy and Passed are known since VERIFIED.
	VerifiedBy *uuid.UUID
	Passed     bool
	// DecidedBy and Reason are known once it is decided; an approval has no reason.
	DecidedBy *uuid.UUID
	Reason    Reason
	OpenedAt  time.Time
	// AssignedAt, VerifiedAt and DecidedAt are nil until that happened.
	AssignedAt, VerifiedAt, DecidedAt *time.Time

	Checks   []Check
	Evidence []Evidence
}

// mayAssign returns nil if the review can be given to an officer.
func (r Review) mayAssign() error {
	switch {
	case r.Status.decided():
		return fmt.Errorf("%w: %s", ErrDecided, r.Status)
	case r.Status == Verified:
		return ErrVerified
	}
	return nil
}

// mayVerify returns nil if the officer can hand in findings: until the decision
// they may be handed in again, corrected.
func (r Review) mayVerify(officer uuid.UUID) error {
	switch {
	case r.Status.decided():
		return fmt.Errorf("%w: %s", ErrDecided, r.Status)
	case r.OfficerID == nil:
		return ErrNotAssigned
	case *r.OfficerID != officer:
		return ErrNotYours
	}
	for _, kind := range requiredKinds {
		if !slices.ContainsFunc(r.Evidence, func(e Evidence) bool { return e.Kind == kind }) {
			return fmt.Errorf("%w: %s", ErrEvidenceMissing, kind)
		}
	}
	return nil
}

// mayDecide returns nil if the manager can decide so.
func (r Review) mayDecide(manager uuid.UUID, verdict Verdict) error {
	switch {
	case r.Status.decided():
		return fmt.Errorf("%w: %s", ErrDecided, r.Status)
	case r.Status != Verified:
		return fmt.Errorf("%w: it is %s", ErrNotVerified, r.Status)
	case r.VerifiedBy != nil && *r.VerifiedBy == manager:
		return ErrSameHands
	case verdict == Approve && !r.Passed:
		return ErrCheckFailed
	}
	return nil
}

// Verdict is what a manager decides.
type Verdict string

// The verdicts.
const (
	Approve Verdict = "APPROVE"
	Reject  Verdict = "REJECT"
)

// Reason is why a review was rejected. It is a list because it travels in
// events and reaches the applicant; free text belongs in the sealed note.
type Reason string

// Reasons lists the reasons for a rejection.
var Reasons = []Reason{
	"IDENTITY_NOT_PROVEN", "ADDRESS_NOT_PROVEN", "INCOME_NOT_PROVEN", "SANCTIONS_MATCH", "DOCUMENTS_UNREADABLE",
	"DOCUMENTS_FORGED", "OTHER",
}

// NotesMax bounds what an officer or a manager may write, in characters.
const NotesMax = 1000

// Decision is a manager's.
type Decision struct {
	Verdict Verdict
	// Reason is one of Reasons for REJECT, "" for APPROVE.
	Reason Reason
	Note   privacy.Text
}

func (d Decision) check() error {
	var faults []error
	switch {
	case d.Verdict == Approve && d.Reason != "":
		faults = append(faults, &FieldError{"reason", "is for rejections only"})
	case d.Verdict == Reject && !slices.Contains(Reasons, d.Reason):
		faults = append(faults, &FieldError{"reason", "is needed for a rejection"})
	case d.Verdict != Approve && d.Verdict != Reject:
		faults = append(faults, &FieldError{"decision", "is neither APPROVE nor REJECT"})
	}
	if !validNote(d.Note) {
		faults = append(faults, &FieldError{"note", noteFault})
	}
	return errors.Join(faults...)
}

var noteFault = fmt.Sprintf("must be text of at most %d characters", NotesMax)

func validNote(note privacy.Text) bool {
	text := note.Reveal()
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= NotesMax && !strings.ContainsRune(text, 0)
}

// checkFindings wants every check once, and notes where one failed.
func checkFindings(checks []Check) error {
	var faults []error
	for _, name := range CheckNames {
		field := "checks." + strings.ToLower(string(name))
		i := slices.IndexFunc(checks, func(c Check) bool { return c.Name == name })
		switch {
		case i < 0:
			faults = append(faults, &FieldError{field, "is missing"})
		case !validNote(checks[i].Notes):
			faults = append(faults, &FieldError{field + ".notes", noteFault})
		case !checks[i].Passed && strings.TrimSpace(checks[i].Notes.Reveal()) == "":
			faults = append(faults, &FieldError{field + ".notes", "must say why the check failed"})
		}
	}
	return errors.Join(faults...)
}

// allPassed reports whether no check failed.
func allPassed(checks []Check) bool {
	return !slices.ContainsFunc(checks, func(c Check) bool { return !c.Passed })
}
