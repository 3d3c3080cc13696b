package ledgersvc

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/groupcommit"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

const (
	tag  = "ledger"
	base = "/api/v1/ledger"
	// entryBytesMax bounds the body of operations that take entries.
	entryBytesMax = 4 << 20
)

var (
	readers = httpapi.Allow(access.Finance, access.System, access.Admin)
	writers = httpapi.Allow(access.Finance, access.System)
)

// problems is the error table. The last row catches every rejection that has
// none of its own: the request is at fault, whatever the books are.
var problems = []httpapi.Problem{
	{Err: ledgerdb.ErrNotFound, Status: http.StatusNotFound, Type: "not-in-ledger", Title: "Not in the ledger"},
	{
		Err: ledger.ErrKeyReused, Status: http.StatusUnprocessableEntity, Type: "idempotency-key-reused",
		Title: "The idempotency key was used with another request",
	},
	{
		Err: ledger.LimitExceeded, Status: http.StatusConflict, Type: "limit-exceeded",
		Title: "An account's limit forbids it",
	},
	{Err: ledger.PeriodClosed, Status: http.StatusConflict, Type: "period-closed", Title: "The period is closed"},
	{Err: ledger.AccountClosed, Status: http.StatusConflict, Type: "account-closed", Title: "An account is closed"},
	{
		Err: ledger.AccountNotEmpty, Status: http.StatusConflict, Type: "account-not-empty",
		Title: "The account's balance is not zero",
	},
	{
		Err: ledger.AccountDiffers, Status: http.StatusConflict, Type: "account-differs",
		Title: "The account exists with another definition",
	},
	{
		Err: ledger.AlreadyReversed, Status: http.StatusConflict, Type: "already-reversed",
		Title: "The entry was reversed before",
	},
	{
		Err: ledger.PendingResolved, Status: http.StatusConflict, Type: "pending-resolved",
		Title: "The pending entry was posted, voided or expired before",
	},
	{
		Err: ledger.PendingOverdue, Status: http.StatusConflict, Type: "pending-overdue",
		Title: "The pending entry's time is over",
	},
	{Err: ledger.ErrRejected, Status: http.StatusUnprocessableEntity, Type: "rejected", Title: "The ledger rejects it"},
	{
		Err: groupcommit.ErrQueueFull, Status: http.StatusServiceUnavailable, Type: "busy",
		Title: "Too many requests are waiting; send it again later",
	},
	{
		Err: groupcommit.ErrClosed, Status: http.StatusServiceUnavailable, Type: "stopping",
		Title: "The service is stopping; send it again",
	},
	{
		Err: groupcommit.ErrAbandoned, Status: http.StatusServiceUnavailable, Type: "outcome-unknown",
		Title: "The outcome is unknown; send the same request with the same key again",
	},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	s.accountRoutes(api)
	s.entryRoutes(api)
	s.pendingRoutes(api)
	s.reportRoutes(api)
	s.auditRoutes(api)
	s.feedRoutes(api)
	api.Document(examplesJSON)
}

// AtInput is a point of both times in a query.
type AtInput struct {
	Effective civil.Date `query:"effective" format:"date" doc:"Counts what is effective by the end of this day; default: everything"`
	ViewInput
}

// ViewInput is what is known of the books.
type ViewInput struct {
	Known    time.Time `query:"known_at" format:"date-time" doc:"Leaves out what was recorded later; default: nothing"`
	Snapshot int64     `query:"snapshot" minimum:"0" doc:"What an earlier answer was of, whatever was posted or back-dated since; default: now"`
}

// AccountPath names an account in a path, by id or by code.
type AccountPath struct {
	Account string `path:"account" minLength:"1" maxLength:"100" example:"1000.INR" doc:"Id or code of the account"`
}

func (in AccountPath) id() uuid.UUID {
	id, err := uuid.Parse(in.Account)
	if err != nil {
		return ledger.AccountID(in.Account)
	}
	return id
}

// placedError says which entry of a list an error is about.
type placedError struct {
	index int
	err   error
}

func (e *placedError) Error() string { return fmt.Sprintf("entries[%d]: %v", e.index, e.err) }

func (e *placedError) Unwrap() error { return e.err }

// FieldName implements httpapi.FieldError.
func (e *placedError) FieldName() string {
	place := fmt.Sprintf("entries[%d]", e.index)
	if rejection, ok := ledger.AsRejection(e.err); ok {
		return place + "." + rejection.FieldName()
	}
	return place
}

// reasonOf says why an entry was not posted, without what an operator only
// should see.
func reasonOf(err error) string {
	if rejection, ok := ledger.AsRejection(err); ok {
		return rejection.FieldName() + " " + rejection.Detail
	}
	return "could not be completed"
}

// placed names the entry of a list that stopped all of them.
func placed(err error) error {
	var fault *ledgerdb.EntryError
	if errors.As(err, &fault) {
		return &placedError{index: fault.Index, err: fault.Err}
	}
	return err
}

func keyReused(err error) bool { return errors.Is(err, ledger.ErrKeyReused) }
