package closeofday

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

const tag = "closeofday"

var problems = []httpapi.Problem{
	{Err: ErrNotFound, Status: http.StatusNotFound, Type: "run-not-found", Title: "No such run"},
	{Err: ErrThrough, Status: http.StatusUnprocessableEntity, Type: "invalid-value", Title: "A value cannot be accepted"},
	{Err: ErrNotParked, Status: http.StatusNotFound, Type: "loan-not-parked", Title: "The loan is not parked"},
	{
		Err: ErrStillFails, Status: http.StatusConflict, Type: "loan-still-parked",
		Title: "The day still cannot be started for the loan; its reason is with the parked loans",
	},
	{Err: ErrNoTieOut, Status: http.StatusNotFound, Type: "tie-out-not-found", Title: "No tie-out was made for that day"},
	{Err: ErrSigned, Status: http.StatusConflict, Type: "tie-out-signed", Title: "The tie-out is signed already"},
	{
		Err: ErrUnexplained, Status: http.StatusUnprocessableEntity, Type: "comment-required",
		Title: "A tie-out that differs needs a comment to be signed",
	},
}

// bookReaders may ask for the business date.
var bookReaders = append([]access.Role{access.System, access.Finance, access.Partner}, access.Staff...)

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	httpapi.Register(api, httpapi.Op{
		ID: "close-business-days", Method: http.MethodPost, Path: "/api/v1/close-of-day/runs", Tag: tag,
		Summary: "Close business days",
		Description: "Orders that every open business day up to and including `through` be closed; the business date then " +
			"is the day after. The work goes on in the background: read the run for its progress. Days that are closed " +
			"already have no effect, and the run says NOTHING_TO_DO.",
		Access: httpapi.Allow(access.System, access.Finance), Idempotent: true, Status: http.StatusAccepted,
	}, s.postRun)
	httpapi.Register(api, httpapi.Op{
		ID: "get-close-of-day-run", Method: http.MethodGet, Path: "/api/v1/close-of-day/runs/{id}", Tag: tag,
		Summary: "Read how far a run has come", Access: httpapi.Allow(access.System, access.Finance),
		Errors: []int{http.StatusNotFound},
	}, s.getRun)
	httpapi.Register(api, httpapi.Op{
		ID: "get-book", Method: http.MethodGet, Path: "/api/v1/close-of-day/book", Tag: tag,
		Summary: "Read the business date", Access: httpapi.Allow(bookReaders...),
	}, s.getBook)
	s.parkedRoutes(api)
	s.tieOutRoutes(api)
}

type runInput struct {
	Body struct {
		Through civil.Date `json:"through" format:"date" doc:"The last business day to close"`
	}
}

type runOutput struct {
	Body struct {
		RunID        uuid.UUID  `json:"run_id" format:"uuid"`
		Status       string     `json:"status" enum:"QUEUED,RUNNING,DONE,NOTHING_TO_DO,FAILED"`
		FirstDay     civil.Date `json:"first_day" format:"date" doc:"The business date when the run was ordered"`
		Through      civil.Date `json:"through" format:"date"`
		ClosedDays   int64      `json:"closed_days" doc:"Days that this run has closed"`
		TotalDays    int64      `json:"total_days"`
		Percent      int64      `json:"percent" minimum:"0" maximum:"100"`
		EndsAt       *time.Time `json:"ends_at,omitempty" doc:"When it will have ended if it goes on as fast as until now"`
		LoansDone    int64      `json:"loans_done" doc:"How often a loan was brought to a day"`
		LoansOverdue int64      `json:"loans_overdue" doc:"Instalments found overdue"`
		LoansParked  int64      `json:"loans_parked" doc:"Loans put aside because the day could not be started for them"`
		TiedOut      string     `json:"tied_out,omitempty" enum:"AGREES,DIFFERS" doc:"Whether ledger and loans agreed on each day"`
		Reason       string     `json:"reason,omitempty" doc:"Why there was nothing to do, or why it stopped"`
		CreatedAt    time.Time  `json:"created_at"`
		StartedAt    *time.Time `json:"started_at,omitempty"`
		FinishedAt   *time.Time `json:"finished_at,omitempty"`
	}
}

func (s *Service) outputOf(r Run) *runOutput {
	out := &runOutput{}
	b := &out.Body
	b.RunID, b.Status, b.FirstDay, b.Through = r.ID, string(r.Status), r.FirstDay, r.Through
	b.ClosedDays, b.TotalDays, b.Percent = r.ClosedDays, r.TotalDays(), r.Percent()
	b.LoansDone, b.LoansOverdue, b.LoansParked = r.LoansDone, r.LoansOverdue, r.LoansParked
	b.TiedOut, b.Reason = r.TiedOut, r.Reason
	b.CreatedAt, b.StartedAt, b.FinishedAt = r.CreatedAt, r.StartedAt, r.FinishedAt
	now := s.now()
	if left, known := r.Remaining(now); known {
		ends := now.Add(left).Truncate(time.Second)
		b.EndsAt = &ends
	}
	return out
}

func (s *Service) postRun(ctx context.Context, in *runInput) (*runOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Order(ctx, httpapi.Actor(ctx), key, in.Body.Through)
	if err != nil {
		return nil, err
	}
	return s.outputOf(httpapi.Reply(ctx, result)), nil
}

type runIDInput struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The run"`
}

func (s *Service) getRun(ctx context.Context, in *runIDInput) (*runOutput, error) {
	r, err := s.Find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.outputOf(r), nil
}

type bookOutput struct {
	Body struct {
		BookID       uuid.UUID  `json:"book_id" format:"uuid"`
		Name         string     `json:"name"`
		BusinessDate civil.Date `json:"business_date" format:"date" doc:"The day that is open"`
	}
}

func (s *Service) getBook(ctx context.Context, _ *struct{}) (*bookOutput, error) {
	book, err := s.Book(ctx)
	if err != nil {
		return nil, err
	}
	out := &bookOutput{}
	out.Body.BookID, out.Body.Name, out.Body.BusinessDate = book.ID, book.Name, book.BusinessDate
	return out, nil
}
