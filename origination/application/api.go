package application

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

const tag = "application"

var problems = []httpapi.Problem{
	{Err: ErrInvalid, Status: http.StatusUnprocessableEntity, Type: "validation", Title: "A value is not acceptable"},
	{Err: ErrNotFound, Status: http.StatusNotFound, Type: "application-not-found", Title: "No such application"},
	{
		Err: ErrTooManyOpen, Status: http.StatusConflict, Type: "too-many-applications",
		Title: "Too many applications are under way",
	},
	{Err: ErrNotBorrower, Status: http.StatusForbidden, Type: "forbidden", Title: "Only a borrower can apply"},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	httpapi.Register(api, httpapi.Op{
		ID: "create-application", Method: http.MethodPost, Path: "/api/v1/applications", Tag: tag,
		Summary: "Apply for a loan",
		Description: "For borrowers. Products: `PERSONAL_LOAN` (6 to 84 instalments; 10,000 to 4,000,000 INR, 500 to " +
			"75,000 EUR or USD, 50,000 to 10,000,000 JPY) and `MICRO_LOAN` (3 to 36 instalments; 1,000 to 300,000 INR, 50 to " +
			"5,000 EUR or USD). The application is handed in for review by itself once nothing is missing any more. " +
			"At most 5 applications of a borrower can be under way at once.",
		Access: httpapi.Bearer(), Idempotent: true, Status: http.StatusCreated,
	}, s.create)
	httpapi.Register(api, httpapi.Op{
		ID: "list-applications", Method: http.MethodGet, Path: "/api/v1/applications", Tag: tag,
		Summary: "List applications",
		Description: "Newest first. Borrowers see their own, staff everybody's. " +
			"What became a loan has its `loan_id`.",
		Access: httpapi.Allow(append(slices.Clone(access.Staff), access.Customer)...),
	}, s.list)
	httpapi.Register(api, httpapi.Op{
		ID: "get-application", Method: http.MethodGet, Path: "/api/v1/applications/{id}", Tag: tag,
		Summary:     "Read an application",
		Description: "For the borrower whose it is and for staff.",
		Access:      httpapi.Bearer(), Errors: []int{http.StatusNotFound},
	}, s.get)
	httpapi.Register(api, httpapi.Op{
		ID: "get-application-timeline", Method: http.MethodGet, Path: "/api/v1/applications/{id}/timeline", Tag: tag,
		Summary: "Read the story of an application",
		Description: "For the borrower whose it is and for staff. `stages` has every stage with its entry and exit; " +
			"`events` is a page of all that happened, in the order in which it happened. News may arrive late: an event " +
			"can appear before others that were there already.",
		Access: httpapi.Bearer(), Errors: []int{http.StatusNotFound},
	}, s.timeline)
	httpapi.Register(api, httpapi.Op{
		ID: "list-loans", Method: http.MethodGet, Path: "/api/v1/admin/loans", Tag: tag,
		Summary: "List applications and loans", Description: "Newest first.", Access: httpapi.Allow(access.Admin),
	}, s.list)
	httpapi.Register(api, httpapi.Op{
		ID: "get-dashboard", Method: http.MethodGet, Path: "/api/v1/admin/reports/dashboard", Tag: tag,
		Summary:     "Count applications, outcomes and amounts",
		Description: "Everything in one answer is of one instant. Days are in UTC.",
		Access:      httpapi.Allow(access.Admin),
	}, s.dashboard)
}

type createInput struct {
	Body struct {
		Product     string        `json:"product" enum:"PERSONAL_LOAN,MICRO_LOAN" doc:"What kind of loan"`
		Amount      httpapi.Money `json:"amount" doc:"How much to borrow"`
		Instalments int           `json:"instalments" minimum:"1" maximum:"600" example:"24" doc:"Number of monthly instalments"`
		Purpose     string        `json:"purpose" enum:"HOME_IMPROVEMENT,EDUCATION,MEDICAL,BUSINESS,AGRICULTURE,VEHICLE,WEDDING,TRAVEL,DEBT_CONSOLIDATION,HOUSEHOLD,OTHER" doc:"What the money is for"`
		Income      httpapi.Money `json:"monthly_income" doc:"Net income per month, in the currency of the amount"`
		Obligations httpapi.Money `json:"monthly_obligations" doc:"What other debts take per month, in the currency of the amount"`
	}
}

type createOutput struct {
	Location string `header:"Location" doc:"The new application"`
	Body     struct {
		ID        uuid.UUID     `json:"id" format:"uuid" doc:"Names the application everywhere: the appId of other services"`
		Stage     event.Stage   `json:"stage" enum:"INPUT"`
		Missing   []Requirement `json:"missing" enum:"IDENTITY_DATA,DOCUMENT_IDENTITY,DOCUMENT_INCOME" nullable:"false" doc:"What is needed before the review begins"`
		CreatedAt time.Time     `json:"created_at"`
	}
}

func (s *Service) create(ctx context.Context, in *createInput) (*createOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Create(ctx, httpapi.Actor(ctx), Request{
		Product: in.Body.Product, Amount: in.Body.Amount.Value(), Instalments: in.Body.Instalments,
		Purpose: in.Body.Purpose, Income: in.Body.Income.Value(), Obligations: in.Body.Obligations.Value(),
	}, key)
	if err != nil {
		return nil, err
	}
	created := httpapi.Reply(ctx, result)
	out := &createOutput{Location: "/api/v1/applications/" + created.ID.String()}
	out.Body.ID, out.Body.Stage = created.ID, created.Stage
	out.Body.Missing, out.Body.CreatedAt = created.Missing, created.CreatedAt
	return out, nil
}

// Summary is an application in a listing.
type Summary struct {
	ID          uuid.UUID      `json:"id" format:"uuid"`
	CustomerID  uuid.UUID      `json:"customer_id" format:"uuid"`
	LoanID      *uuid.UUID     `json:"loan_id,omitempty" format:"uuid" doc:"The loan that it became"`
	Product     string         `json:"product" enum:"PERSONAL_LOAN,MICRO_LOAN"`
	Amount      httpapi.Money  `json:"amount" doc:"What was asked for"`
	Principal   *httpapi.Money `json:"principal,omitempty" doc:"What was lent, once there is a loan"`
	Instalments int            `json:"instalments"`
	Stage       event.Stage    `json:"stage" enum:"INPUT,KYC_REVIEW,RISK_ASSESSMENT,DISCUSSION,APPROVAL,AGREEMENT,ACTIVATION,REPAYMENT,CLOSED"`
	Outcome     event.Outcome  `json:"outcome,omitempty" enum:"REPAID,KYC_REJECTED,RISK_REJECTED,DECLINED,EXPIRED,APPROVAL_REJECTED,DISBURSEMENT_FAILED" doc:"How it ended, when it is CLOSED"`
	CreatedAt   time.Time      `json:"created_at"`
	ChangedAt   time.Time      `json:"changed_at" doc:"When the stage last changed"`
}

func summaryOf(a Application) Summary {
	summary := Summary{
		ID: a.ID, CustomerID: a.CustomerID, LoanID: a.LoanID, Product: a.Product, Amount: httpapi.MoneyOf(a.Amount),
		Instalments: a.Instalments, Stage: a.Stage, Outcome: a.Outcome, CreatedAt: a.CreatedAt, ChangedAt: a.ChangedAt,
	}
	if a.Principal.IsPositive() {
		principal := httpapi.MoneyOf(a.Principal)
		summary.Principal = &principal
	}
	return summary
}

// PathInput names an application in the path.
type PathInput struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"Application id"`
}

type rateBand struct {
	Minimum string `json:"minimum_percent" example:"12.00"`
	Maximum string `json:"maximum_percent" example:"26.00"`
}

type getOutput struct {
	Body struct {
		Summary
		Purpose     string        `json:"purpose"`
		Income      httpapi.Money `json:"monthly_income"`
		Obligations httpapi.Money `json:"monthly_obligations"`
		Rate        rateBand      `json:"rate_band" doc:"Nominal yearly rates that the product allows"`
		Missing     []Requirement `json:"missing" enum:"IDENTITY_DATA,DOCUMENT_IDENTITY,DOCUMENT_INCOME" nullable:"false" doc:"What is needed before the review begins; empty once it has"`
	}
}

func (s *Service) get(ctx context.Context, in *PathInput) (*getOutput, error) {
	view, err := s.Get(ctx, httpapi.Actor(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	product, _ := findProduct(view.Product) // of a product no longer on offer the band is empty
	out := &getOutput{}
	out.Body.Summary = summaryOf(view.Application)
	out.Body.Purpose, out.Body.Missing = view.Purpose, view.Missing
	out.Body.Income, out.Body.Obligations = httpapi.MoneyOf(view.Income), httpapi.MoneyOf(view.Obligations)
	out.Body.Rate = rateBand{Minimum: product.RateMin, Maximum: product.RateMax}
	return out, nil
}
