package reconcilesvc

import (
	"errors"
	"fmt"
	"net/http"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/bankfile"
	"github.com/tenor-lending/tenor/ledger/reconcile"
	"github.com/tenor-lending/tenor/ledger/reconciledb"
)

const (
	tag  = "ledger"
	base = "/api/v1/ledger/reconciliation"
)

var (
	readers = httpapi.Allow(access.Finance, access.System, access.Admin)
	writers = httpapi.Allow(access.Finance, access.System)
)

// problems is the error table; what the ledger rejects is in that of ledgersvc.
var problems = []httpapi.Problem{
	{
		Err: reconciledb.ErrNotFound, Status: http.StatusNotFound, Type: "not-in-reconciliation",
		Title: "Not in the reconciliation",
	},
	{
		Err: bankfile.ErrTooLarge, Status: http.StatusRequestEntityTooLarge, Type: "body-too-large",
		Title: "Body too large",
	},
	{
		Err: bankfile.ErrFormat, Status: http.StatusUnprocessableEntity, Type: "bank-file",
		Title: "The bank file is not accepted",
	},
	{
		Err: bankfile.ErrMapping, Status: http.StatusUnprocessableEntity, Type: "csv-mapping",
		Title: "The mapping is not valid",
	},
	{
		Err: reconcile.ErrRules, Status: http.StatusUnprocessableEntity, Type: "reconciliation-rules",
		Title: "The rules are not valid",
	},
	{
		Err: reconciledb.ErrOverlap, Status: http.StatusConflict, Type: "lines-imported-before",
		Title: "Some lines of the file were imported before; say with overlap what to do",
	},
	{
		Err: reconciledb.ErrOtherAccount, Status: http.StatusConflict, Type: "other-bank-account",
		Title: "The file is of another bank account than those before",
	},
	{
		Err: reconciledb.ErrClaimed, Status: http.StatusConflict, Type: "line-matched",
		Title: "A line belongs to another match",
	},
	{
		Err: reconciledb.ErrLine, Status: http.StatusUnprocessableEntity, Type: "unmatchable-line",
		Title: "A line cannot be matched",
	},
	{
		Err: reconciledb.ErrNotActive, Status: http.StatusConflict, Type: "match-undone",
		Title: "The match was undone before",
	},
	{Err: reconciledb.ErrResolved, Status: http.StatusConflict, Type: "break-closed", Title: "The break is closed"},
	{
		Err: reconcile.ErrTooMany, Status: http.StatusUnprocessableEntity, Type: "too-many-lines",
		Title: "There are too many lines to reconcile at once",
	},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	s.importRoutes(api)
	s.runRoutes(api)
	s.breakRoutes(api)
	s.reportRoutes(api)
	api.Document(examplesJSON)
}

// AccountQuery names the account of the books in a query.
type AccountQuery struct {
	Account string `query:"account" required:"true" minLength:"1" maxLength:"100" example:"1000.INR" doc:"Code or id of the account that stands for the bank account"`
}

func (in AccountQuery) id() uuid.UUID { return accountID(in.Account) }

func accountID(name string) uuid.UUID {
	id, err := uuid.Parse(name)
	if err != nil {
		return ledger.AccountID(name)
	}
	return id
}

// bodyBound says in the service's words that the transport cut the body off.
func bodyBound(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fmt.Errorf("%w: more than %d bytes", bankfile.ErrTooLarge, tooLarge.Limit)
	}
	return err
}

// lineID is a line in JSON.
type lineID struct {
	ID     uuid.UUID `json:"id" format:"uuid" doc:"The bank line, or the entry"`
	LineNo int64     `json:"line_no" minimum:"0" maximum:"9999" doc:"Place of the line in its entry, from 0; 0 for a bank line"`
}

func lineIDs(list []reconcile.LineID) []lineID {
	out := make([]lineID, len(list))
	for i, id := range list {
		out[i] = lineID{ID: id.ID, LineNo: id.No}
	}
	return out
}

// Days is a span of dates in a query.
type Days struct {
	From civil.Date `query:"from" format:"date" doc:"First booking date"`
	To   civil.Date `query:"to" format:"date" doc:"Last booking date"`
}
