package approval

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

const tag = "approval"

var problems = []httpapi.Problem{
	{Err: casefile.ErrNotFound, Status: http.StatusNotFound, Type: "application-not-found", Title: "No such application"},
	{
		Err: casefile.ErrWrongStage, Status: http.StatusConflict, Type: "wrong-stage",
		Title: "The application is at another stage",
	},
	{Err: ErrNotOpen, Status: http.StatusNotFound, Type: "approval-not-found", Title: "No approval is open"},
	{Err: ErrNotTurn, Status: http.StatusConflict, Type: "wrong-level", Title: "It is not this level's turn"},
	{Err: ErrFourEyes, Status: http.StatusForbidden, Type: "four-eyes", Title: "Another person must decide"},
	{Err: ErrInvalid, Status: http.StatusUnprocessableEntity, Type: "invalid-value", Title: "A value cannot be accepted"},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	for _, row := range levels {
		name := strings.ToLower(string(row.level))
		httpapi.Register(api, httpapi.Op{
			ID: "approve-" + name, Method: http.MethodPost, Path: "/api/v1/approval/{appId}/" + name,
			Summary: "Approve or reject at the " + name + " level",
			Description: "The levels decide in the order internal, management, final; out of turn is 409. Three different " +
				"persons decide, none of whom made the offer: otherwise 403 `four-eyes`. Any rejection ends the application.",
			Tag: tag, Access: httpapi.Allow(row.role), Idempotent: true, Status: http.StatusOK,
			Errors: []int{http.StatusNotFound, http.StatusConflict},
		}, s.decideAt(row.level))
	}
	httpapi.Register(api, httpapi.Op{
		ID: "get-approval", Method: http.MethodGet, Path: "/api/v1/approval/{appId}",
		Summary: "Read an application's approval", Tag: tag, Access: httpapi.Allow(access.Staff...),
		Errors: []int{http.StatusNotFound},
	}, s.getCase)
}

type decisionInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"The application"`
	Body  struct {
		Decision string `json:"decision" enum:"APPROVE,REJECT"`
		Comment  string `json:"comment,omitempty" maxLength:"1000" doc:"For the file; required with REJECT"`
	}
}

type decisionBody struct {
	Level     string    `json:"level" enum:"INTERNAL,MANAGEMENT,FINAL"`
	Decision  string    `json:"decision" enum:"APPROVE,REJECT"`
	Comment   string    `json:"comment"`
	DecidedBy uuid.UUID `json:"decided_by" format:"uuid"`
	DecidedAt time.Time `json:"decided_at"`
}

type caseOutput struct {
	Body struct {
		ApplicationID uuid.UUID      `json:"application_id" format:"uuid"`
		CustomerID    uuid.UUID      `json:"customer_id" format:"uuid"`
		OfferID       uuid.UUID      `json:"offer_id" format:"uuid" doc:"The accepted offer"`
		OfficerID     uuid.UUID      `json:"officer_id" format:"uuid" doc:"Who made the offer and may not approve it"`
		Principal     httpapi.Money  `json:"principal"`
		Instalment    httpapi.Money  `json:"instalment"`
		APRPercent    string         `json:"apr_percent" example:"17.07"`
		ScheduleHash  string         `json:"schedule_hash" doc:"Names the schedule that the borrower accepted"`
		Stage         string         `json:"stage" enum:"INTERNAL,MANAGEMENT,FINAL,GRANTED,REJECTED" doc:"The level that decides next, or how it ended"`
		OpenedAt      time.Time      `json:"opened_at"`
		Decisions     []decisionBody `json:"decisions"`
	}
}

func outputOf(c Case) *caseOutput {
	out := &caseOutput{}
	b := &out.Body
	b.ApplicationID, b.CustomerID, b.OfferID, b.OfficerID = c.ApplicationID, c.CustomerID, c.OfferID, c.OfficerID
	b.Principal, b.Instalment = httpapi.MoneyOf(c.Principal), httpapi.MoneyOf(c.Instalment)
	b.APRPercent, b.ScheduleHash, b.Stage, b.OpenedAt = c.APRPercent, c.ScheduleHash, string(c.Stage), c.OpenedAt
	b.Decisions = make([]decisionBody, len(c.Decisions))
	for i, d := range c.Decisions {
		b.Decisions[i] = decisionBody{
			Level: string(d.Level), Decision: string(d.Verdict), Comment: d.Comment, DecidedBy: d.DecidedBy,
			DecidedAt: d.DecidedAt,
		}
	}
	return out
}

func (s *Service) decideAt(level Level) func(context.Context, *decisionInput) (*caseOutput, error) {
	return func(ctx context.Context, in *decisionInput) (*caseOutput, error) {
		key, err := httpapi.Key(ctx, in)
		if err != nil {
			return nil, err
		}
		d := Decision{Verdict: Verdict(in.Body.Decision), Comment: in.Body.Comment}
		result, err := s.Decide(ctx, httpapi.Actor(ctx), key, in.AppID, level, d)
		if err != nil {
			return nil, err
		}
		return outputOf(httpapi.Reply(ctx, result)), nil
	}
}

type caseInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"The application"`
}

func (s *Service) getCase(ctx context.Context, in *caseInput) (*caseOutput, error) {
	c, err := s.Find(ctx, httpapi.Actor(ctx), in.AppID)
	if err != nil {
		return nil, err
	}
	return outputOf(c), nil
}
