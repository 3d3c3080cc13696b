package kyc

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/privacy"
)

const tag = "kyc review"

var problems = []httpapi.Problem{
	{Err: ErrInvalid, Status: http.StatusUnprocessableEntity, Type: "validation", Title: "A value is not acceptable"},
	{Err: casefile.ErrNotFound, Status: http.StatusNotFound, Type: "application-not-found", Title: "No such application"},
	{
		Err: casefile.ErrWrongStage, Status: http.StatusConflict, Type: "wrong-stage",
		Title: "The application is at another stage",
	},
	{Err: ErrNotAssigned, Status: http.StatusConflict, Type: "kyc-not-assigned", Title: "No officer has this review yet"},
	{
		Err: ErrNotYours, Status: http.StatusForbidden, Type: "kyc-not-your-review",
		Title: "Another officer has this review",
	},
	{Err: ErrNotVerified, Status: http.StatusConflict, Type: "kyc-not-verified", Title: "The review is not verified yet"},
	{Err: ErrVerified, Status: http.StatusConflict, Type: "kyc-verified", Title: "The review is verified already"},
	{Err: ErrDecided, Status: http.StatusConflict, Type: "kyc-decided", Title: "The review is decided already"},
	{
		Err: ErrSameHands, Status: http.StatusForbidden, Type: "four-eyes",
		Title: "Whoever verified a review cannot decide it",
	},
	{
		Err: ErrCheckFailed, Status: http.StatusConflict, Type: "kyc-check-failed",
		Title: "A review with a failed check cannot be approved",
	},
	{
		Err: ErrEvidenceMissing, Status: http.StatusConflict, Type: "kyc-evidence-missing",
		Title: "A required document is missing",
	},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	httpapi.Register(api, httpapi.Op{
		ID: "list-kyc-queue", Method: http.MethodGet, Path: "/api/v1/kyc/queue", Tag: tag,
		Summary:     "List identity reviews",
		Description: "Oldest first, with the evidence and what was found. Identity data are in the borrower's profile.",
		Access:      httpapi.Allow(access.Officer),
	}, s.queue)
	httpapi.Register(api, httpapi.Op{
		ID: "assign-kyc", Method: http.MethodPost, Path: "/api/v1/kyc/{appId}/assign", Tag: tag,
		Summary:     "Give an identity review to an officer",
		Description: "Possible again, for another officer, until the review is verified.",
		Access:      httpapi.Allow(access.Manager), Idempotent: true, Errors: []int{http.StatusNotFound},
	}, s.assign)
	httpapi.Register(api, httpapi.Op{
		ID: "verify-kyc", Method: http.MethodPut, Path: "/api/v1/kyc/{appId}/verify", Tag: tag,
		Summary: "Record what the officer found",
		Description: "For the officer who has the review. Replaces earlier findings until the decision. New or withdrawn " +
			"documents void the findings: then the review is to be verified again.",
		Access: httpapi.Allow(access.Officer), Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.verify)
	httpapi.Register(api, httpapi.Op{
		ID: "decide-kyc", Method: http.MethodPost, Path: "/api/v1/kyc/{appId}/decision", Tag: tag,
		Summary: "Approve or reject an identity review",
		Description: "For a manager other than the person who verified. An approval needs every check to have passed; a " +
			"rejection closes the application. The reason is told to the applicant, the note is not.",
		Access: httpapi.Allow(access.Manager), Idempotent: true, Errors: []int{http.StatusNotFound},
	}, s.decide)
}

type evidenceBody struct {
	DocumentID  uuid.UUID `json:"document_id" format:"uuid"`
	Kind        string    `json:"kind" example:"IDENTITY"`
	ContentType string    `json:"content_type" example:"application/pdf"`
	SHA256      string    `json:"sha256" doc:"Hash of the content, in hex"`
	Size        int64     `json:"size" doc:"Bytes"`
	UploadedAt  time.Time `json:"uploaded_at"`
}

func evidenceBodies(list []Evidence) []evidenceBody {
	bodies := make([]evidenceBody, len(list))
	for i, e := range list {
		bodies[i] = evidenceBody(e)
	}
	return bodies
}

type queueInput struct {
	httpapi.PageInput
	Status  Status    `query:"status" enum:"OPEN,ASSIGNED,VERIFIED,APPROVED,REJECTED" doc:"Only this status"`
	Officer uuid.UUID `query:"officer_id" format:"uuid" doc:"Only this officer's"`
}

type findingBody struct {
	Name   CheckName `json:"check" enum:"IDENTITY,ADDRESS,INCOME,SANCTIONS"`
	Result string    `json:"result" enum:"PASS,FAIL"`
	Notes  string    `json:"notes,omitempty"`
}

type reviewBody struct {
	ApplicationID uuid.UUID      `json:"application_id" format:"uuid"`
	CustomerID    uuid.UUID      `json:"customer_id" format:"uuid"`
	Product       string         `json:"product" example:"MICRO_LOAN"`
	Amount        httpapi.Money  `json:"amount"`
	Status        Status         `json:"status" enum:"OPEN,ASSIGNED,VERIFIED,APPROVED,REJECTED"`
	OfficerID     *uuid.UUID     `json:"officer_id,omitempty" format:"uuid" doc:"Who has the review"`
	OpenedAt      time.Time      `json:"opened_at"`
	AssignedAt    *time.Time     `json:"assigned_at,omitempty"`
	VerifiedAt    *time.Time     `json:"verified_at,omitempty"`
	DecidedAt     *time.Time     `json:"decided_at,omitempty"`
	Reason        Reason         `json:"reason,omitempty" doc:"Why it was rejected"`
	Evidence      []evidenceBody `json:"evidence" nullable:"false"`
	Findings      []findingBody  `json:"findings" nullable:"false" doc:"Empty until the review is verified"`
}

type queueOutput struct {
	Body struct {
		Items      []reviewBody `json:"items" nullable:"false"`
		NextCursor string       `json:"next_cursor,omitempty" doc:"Absent on the last page"`
	}
}

func (s *Service) queue(ctx context.Context, in *queueInput) (*queueOutput, error) {
	var after Position
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	reviews, more, err := s.Queue(ctx, Filter{Status: in.Status, Officer: in.Officer}, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &queueOutput{}
	out.Body.Items = make([]reviewBody, len(reviews))
	for i, r := range reviews {
		out.Body.Items[i] = reviewBodyOf(r)
	}
	if more {
		last := reviews[len(reviews)-1]
		out.Body.NextCursor, err = httpapi.EncodeCursor(Position{OpenedAt: last.OpenedAt, ID: last.ApplicationID})
	}
	return out, err
}

func reviewBodyOf(r Review) reviewBody {
	body := reviewBody{
		ApplicationID: r.ApplicationID, CustomerID: r.CustomerID, Product: r.Product, Amount: httpapi.MoneyOf(r.Amount),
		Status: r.Status, OfficerID: r.OfficerID, OpenedAt: r.OpenedAt, AssignedAt: r.AssignedAt,
		VerifiedAt: r.VerifiedAt, DecidedAt: r.DecidedAt, Reason: r.Reason, Evidence: evidenceBodies(r.Evidence),
		Findings: make([]findingBody, len(r.Checks)),
	}
	for i, check := range r.Checks {
		body.Findings[i] = findingBody{Name: check.Name, Result: "FAIL", Notes: check.Notes.Reveal()}
		if check.Passed {
			body.Findings[i].Result = "PASS"
		}
	}
	return body
}

type outcomeBody struct {
	ApplicationID uuid.UUID      `json:"application_id" format:"uuid"`
	Status        Status         `json:"status" enum:"ASSIGNED,VERIFIED,APPROVED,REJECTED"`
	OfficerID     *uuid.UUID     `json:"officer_id,omitempty" format:"uuid" doc:"Who has the review"`
	Passed        *bool          `json:"passed,omitempty" doc:"Whether every check passed, once it was verified"`
	Reason        Reason         `json:"reason,omitempty" doc:"Why it was rejected"`
	At            time.Time      `json:"at" doc:"When this step was taken"`
	Evidence      []evidenceBody `json:"evidence,omitempty" doc:"What there is to look at, when it is assigned"`
}

type outcomeOutput struct{ Body outcomeBody }

func outcomeOf(o Outcome) *outcomeOutput {
	body := outcomeBody{
		ApplicationID: o.ApplicationID, Status: o.Status, OfficerID: o.OfficerID, Passed: o.Passed, Reason: o.Reason,
		At: o.At, Evidence: evidenceBodies(o.Evidence),
	}
	return &outcomeOutput{Body: body}
}

type assignInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"Application id"`
	Body  struct {
		OfficerID uuid.UUID `json:"officer_id" format:"uuid" doc:"User id of the officer"`
	}
}

func (s *Service) assign(ctx context.Context, in *assignInput) (*outcomeOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Assign(ctx, httpapi.Actor(ctx), in.AppID, in.Body.OfficerID, key)
	if err != nil {
		return nil, err
	}
	return outcomeOf(httpapi.Reply(ctx, result)), nil
}

type checkBody struct {
	Result string `json:"result" enum:"PASS,FAIL"`
	Notes  string `json:"notes,omitempty" maxLength:"1000" doc:"What was seen; required when the check failed"`
}

type verifyInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"Application id"`
	Body  struct {
		Checks struct {
			Identity  checkBody `json:"identity" doc:"The person is who the documents say"`
			Address   checkBody `json:"address" doc:"The person lives there"`
			Income    checkBody `json:"income" doc:"The income is as declared"`
			Sanctions checkBody `json:"sanctions" doc:"The person is on no sanctions list"`
		} `json:"checks"`
	}
}

func (s *Service) verify(ctx context.Context, in *verifyInput) (*outcomeOutput, error) {
	bodies := in.Body.Checks
	var checks []Check
	for i, body := range []checkBody{bodies.Identity, bodies.Address, bodies.Income, bodies.Sanctions} {
		checks = append(checks, Check{
			Name: CheckNames[i], Passed: body.Result == "PASS", Notes: privacy.Text(body.Notes),
		})
	}
	outcome, err := s.Verify(ctx, httpapi.Actor(ctx), in.AppID, checks)
	if err != nil {
		return nil, err
	}
	return outcomeOf(outcome), nil
}

type decideInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"Application id"`
	Body  struct {
		Decision Verdict `json:"decision" enum:"APPROVE,REJECT"`
		Reason   Reason  `json:"reason,omitempty" enum:"IDENTITY_NOT_PROVEN,ADDRESS_NOT_PROVEN,INCOME_NOT_PROVEN,SANCTIONS_MATCH,DOCUMENTS_UNREADABLE,DOCUMENTS_FORGED,OTHER" doc:"Required for a rejection"`
		Note     string  `json:"note,omitempty" maxLength:"1000" doc:"For the file only"`
	}
}

func (s *Service) decide(ctx context.Context, in *decideInput) (*outcomeOutput, error) {
	actor := httpapi.Actor(ctx)
	// The note is about a person: the key stands for a fingerprint of it.
	key, err := httpapi.Key(ctx, []string{
		in.AppID.String(), string(in.Body.Decision), string(in.Body.Reason),
		s.keyring.Index([]byte(in.Body.Note), notePlace(in.AppID)),
	})
	if err != nil {
		return nil, err
	}
	result, err := s.Decide(ctx, actor, in.AppID, Decision{
		Verdict: in.Body.Decision, Reason: in.Body.Reason, Note: privacy.Text(in.Body.Note),
	}, key)
	if err != nil {
		return nil, err
	}
	return outcomeOf(httpapi.Reply(ctx, result)), nil
}
