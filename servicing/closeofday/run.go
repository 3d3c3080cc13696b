package closeofday

import (
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
)

// Errors of the service, for errors.Is.
var (
	// ErrNotFound means there is no such run.
	ErrNotFound = errors.New("no such run")
	// ErrThrough means that the last day to close is too far ahead.
	ErrThrough = errors.New("last day is too far ahead")
	// ErrNotParked means that the loan is not parked.
	ErrNotParked = errors.New("loan is not parked")
	// ErrStillFails means that a parked loan cannot be brought to the day yet.
	ErrStillFails = errors.New("the day still cannot be started for the loan")
	// ErrNoTieOut means that no tie-out was made for the day.
	ErrNoTieOut = errors.New("no tie-out for that day")
	// ErrSigned means that the tie-out of the day is signed.
	ErrSigned = errors.New("tie-out is signed")
	// ErrUnexplained means that a tie-out that differs was signed without a comment.
	ErrUnexplained = errors.New("a tie-out that differs needs a comment to be signed")
)

// Limits of a run.
const (
	// DaysMax bounds the days that one run closes.
	DaysMax = 3_660
	// ParkedMax bounds the loans that a run parks: if more of them fail, the
	// fault is not with the loans, and the run fails.
	ParkedMax = 1_000
)

// Status is where a run stands.
type Status string

// The statuses of a run.
const (
	Queued  Status = "QUEUED"
	Running Status = "RUNNING"
	Done    Status = "DONE"
	// NothingToDo runs asked for days that were closed before.
	NothingToDo Status = "NOTHING_TO_DO"
	// Failed runs stopped at a fault; what they closed stays closed.
	Failed Status = "FAILED"
)

// What a run says of the tie-out of the days that it closed.
const (
	agrees  = "AGREES"
	differs = "DIFFERS"
)

// Run is an order to close business days, and how far it has come.
type Run struct {
	ID     uuid.UUID
	BookID uuid.UUID
	Status Status
	// FirstDay is the day that was open when the run was ordered, and Through
	// the last day to close.
	FirstDay civil.Date
	Through  civil.Date
	// ClosedDays counts the days that this run closed, LoansDone how often it
	// brought a loan to a day, LoansOverdue the instalments found overdue, and
	// LoansParked the loans that it put aside.
	ClosedDays   int64
	LoansDone    int64
	LoansOverdue int64
	LoansParked  int64
	// dayLoans counts the loans that the day being closed changes, and dayFrom
	// is LoansDone when that day began.
	dayLoans, dayFrom int64
	// TiedOut is AGREES or DIFFERS once a day is closed: whether the ledger and
	// the loans agreed on every day.
	TiedOut    string
	Reason     string
	CreatedAt  time.Time
	StartedAt  *time.Time
	FinishedAt *time.Time
}

// TotalDays is how many days the run was ordered to close.
func (r *Run) TotalDays() int64 { return max(0, int64(r.Through.DaysSince(r.FirstDay))+1) }

// done returns how much of the run is done and how much there is, in the same
// unit: the day that is being closed counts by its loans.
func (r *Run) done() (part, whole int64) {
	loans := max(1, r.dayLoans)
	today := min(max(0, r.LoansDone+r.LoansParked-r.dayFrom), loans)
	if r.Status != Running {
		today = 0
	}
	return r.ClosedDays*loans + today, r.TotalDays() * loans
}

// Percent is how much of the run is done, 0 to 100; 100 only when it has ended.
func (r *Run) Percent() int64 {
	part, whole := r.done()
	if whole == 0 || r.Status == Done || r.Status == NothingToDo {
		return 100
	}
	return min(99, 100*part/whole)
}

// Remaining estimates how long the run will still take, from how long it has
// taken at the instant now; false if that cannot be said.
func (r *Run) Remaining(now time.Time) (time.Duration, bool) {
	part, whole := r.done()
	if r.Status != Running || r.StartedAt == nil || part == 0 {
		return 0, false
	}
	took := now.Sub(*r.StartedAt)
	return took / time.Duration(part) * time.Duration(whole-part), took > 0
}

// ThroughError names the last day that can be closed now.
type ThroughError struct{ Last civil.Date }

// Error names the day.
func (e *ThroughError) Error() string { return fmt.Sprintf("%v: at most %s", ErrThrough, e.Last) }

// Is makes every ThroughError match ErrThrough.
func (e *ThroughError) Is(target error) bool { return target == ErrThrough }

// FieldName returns the name of the field.
func (e *ThroughError) FieldName() string { return "through" }
