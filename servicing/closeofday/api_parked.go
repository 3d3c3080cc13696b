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

func (s *Service) parkedRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "list-parked-loans", Method: http.MethodGet, Path: "/api/v1/close-of-day/parked", Tag: tag,
		Summary: "List the loans that a day could not be started for",
		Description: "A loan that fails at close of day is put aside with the reason, and the others go on. It leaves the " +
			"list when a day was started for it: by a retry, or by the next run after something changed it.",
		Access: httpapi.Allow(access.System, access.Finance),
	}, s.getParked)
	httpapi.Register(api, httpapi.Op{
		ID: "retry-parked-loan", Method: http.MethodPost, Path: "/api/v1/close-of-day/parked/{loanId}/retry", Tag: tag,
		Summary: "Bring a parked loan to the business date", Access: httpapi.Allow(access.System, access.Finance),
		Idempotent: true, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.postRetry)
}

type parkedBody struct {
	LoanID   uuid.UUID  `json:"loan_id" format:"uuid"`
	RunID    uuid.UUID  `json:"run_id" format:"uuid" doc:"The run that put it aside"`
	Day      civil.Date `json:"day" format:"date" doc:"The day that could not be started"`
	Reason   string     `json:"reason"`
	ParkedAt time.Time  `json:"parked_at"`
}

type parkedOutput struct {
	Body struct {
		Items      []parkedBody `json:"items"`
		NextCursor string       `json:"next_cursor,omitempty"`
	}
}

func (s *Service) getParked(ctx context.Context, in *httpapi.PageInput) (*parkedOutput, error) {
	var after uuid.UUID
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	list, err := s.Parked(ctx, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &parkedOutput{}
	out.Body.Items = []parkedBody{}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		if out.Body.NextCursor, err = httpapi.EncodeCursor(list[in.Limit-1].LoanID); err != nil {
			return nil, err
		}
	}
	for _, p := range list {
		out.Body.Items = append(out.Body.Items, parkedBody{
			LoanID: p.LoanID, RunID: p.RunID, Day: p.Day, Reason: p.Reason, ParkedAt: p.ParkedAt,
		})
	}
	return out, nil
}

type retryInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The parked loan"`
}

type retryOutput struct {
	Body struct {
		LoanID uuid.UUID `json:"loan_id" format:"uuid"`
	}
}

func (s *Service) postRetry(ctx context.Context, in *retryInput) (*retryOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Retry(ctx, httpapi.Actor(ctx), key, in.LoanID)
	if err != nil {
		return nil, err
	}
	out := &retryOutput{}
	out.Body.LoanID = httpapi.Reply(ctx, result)
	return out, nil
}
