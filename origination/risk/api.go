package risk

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

const tag = "risk mgmt"

var problems = []httpapi.Problem{
	{Err: casefile.ErrNotFound, Status: http.StatusNotFound, Type: "application-not-found", Title: "No such application"},
	{
		Err: casefile.ErrWrongStage, Status: http.StatusConflict, Type: "wrong-stage",
		Title: "The application is at another stage",
	},
	{Err: ErrDecided, Status: http.StatusConflict, Type: "already-decided", Title: "The application is decided already"},
	{
		Err: ErrNotAssessed, Status: http.StatusConflict, Type: "not-assessed",
		Title: "The application is not assessed yet",
	},
	{Err: ErrInvalid, Status: http.StatusUnprocessableEntity, Type: "invalid-value", Title: "A value cannot be accepted"},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	httpapi.Register(api, httpapi.Op{
		ID: "assess-risk", Method: http.MethodPost, Path: "/api/v1/risk/{appId}/assess",
		Summary: "Assess an application",
		Description: "The platform assesses by itself when the applicant's identity is approved; asking again gives " +
			"the same assessment.",
		Tag: tag, Access: httpapi.Allow(access.System), Idempotent: true, Status: http.StatusOK,
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.postAssess)
	httpapi.Register(api, httpapi.Op{
		ID: "get-risk-report", Method: http.MethodGet, Path: "/api/v1/risk/{appId}/report",
		Summary: "Read an application's risk report", Tag: tag, Access: httpapi.Allow(access.Officer, access.RiskMgr),
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.getReport)
	httpapi.Register(api, httpapi.Op{
		ID: "decide-risk", Method: http.MethodPost, Path: "/api/v1/risk/{appId}/decision",
		Summary: "Approve or reject the risk of an application",
		Description: "An approval bounds the offer by `max_amount`, at most the amount applied for. A rejection gives " +
			"one to four specific reasons, which the applicant is told, and ends the application. Approving against " +
			"a recommendation to reject needs a comment.",
		Tag: tag, Access: httpapi.Allow(access.RiskMgr), Idempotent: true, Status: http.StatusOK,
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.postDecision)
}

type caseInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"The application"`
}

type inputsBody struct {
	Product            string        `json:"product" example:"PERSONAL_LOAN"`
	Amount             httpapi.Money `json:"amount" doc:"Amount applied for"`
	Instalments        int           `json:"instalments" example:"24"`
	MonthlyIncome      httpapi.Money `json:"monthly_income"`
	MonthlyObligations httpapi.Money `json:"monthly_obligations" doc:"What the applicant pays each month on other debts"`
}

type factorBody struct {
	Factor    string `json:"factor" example:"debt_to_income"`
	Value     int64  `json:"value" example:"2940" doc:"The measure, in the unit given"`
	Unit      string `json:"unit" example:"basis points of monthly income"`
	Points    int    `json:"points" example:"320"`
	MaxPoints int    `json:"max_points" example:"400"`
}

type reasonBody struct {
	Code string `json:"code" example:"DEBT_TO_INCOME_TOO_HIGH"`
	Text string `json:"text" example:"Excessive obligations in relation to income"`
}

type assessmentBody struct {
	ApplicationID        uuid.UUID     `json:"application_id" format:"uuid"`
	PolicyVersion        string        `json:"policy_version" example:"2026-11" doc:"Version of the scorecard that was applied"`
	InputsHash           string        `json:"inputs_hash" doc:"SHA-256 of the inputs, in hex: version and hash replay the assessment"`
	Inputs               inputsBody    `json:"inputs"`
	ReferenceRatePercent string        `json:"reference_rate_percent" example:"15" doc:"Rate by which the instalment is estimated before there is an offer"`
	ReferenceInstalment  httpapi.Money `json:"reference_instalment"`
	AffordableAmount     httpapi.Money `json:"affordable_amount" doc:"Largest amount, at most that applied for, that income leaves room for"`
	Score                int           `json:"score" example:"840"`
	Band                 string        `json:"band" enum:"A,B,C,D,E" example:"A"`
	Recommendation       string        `json:"recommendation" enum:"APPROVE,REFER,REJECT"`
	Factors              []factorBody  `json:"factors"`
	Reasons              []reasonBody  `json:"reasons" doc:"What counts against the application, the weightiest first"`
	AssessedAt           time.Time     `json:"assessed_at"`
}

func assessmentOf(a Assessment) assessmentBody {
	in := a.Inputs
	body := assessmentBody{
		ApplicationID: in.ApplicationID, PolicyVersion: a.PolicyVersion, InputsHash: a.InputsHash,
		Inputs: inputsBody{
			Product: in.Product, Amount: httpapi.MoneyOf(in.Amount), Instalments: in.Instalments,
			MonthlyIncome:      httpapi.MoneyOf(in.MonthlyIncome),
			MonthlyObligations: httpapi.MoneyOf(in.MonthlyObligations),
		},
		ReferenceRatePercent: a.ReferenceRatePercent.String(),
		ReferenceInstalment:  httpapi.MoneyOf(a.ReferenceInstalment),
		AffordableAmount:     httpapi.MoneyOf(a.AffordableAmount),
		Score:                a.Score, Band: a.Band, Recommendation: string(a.Recommendation),
		Factors: make([]factorBody, len(a.Factors)), Reasons: reasonsOf(a.Reasons), AssessedAt: a.AssessedAt,
	}
	for i, f := range a.Factors {
		body.Factors[i] = factorBody(f)
	}
	return body
}

func reasonsOf(reasons []Reason) []reasonBody {
	list := make([]reasonBody, len(reasons))
	for i, r := range reasons {
		list[i] = reasonBody{Code: string(r), Text: ReasonTexts[r]}
	}
	return list
}

type assessmentOutput struct {
	Body assessmentBody
}

func (s *Service) postAssess(ctx context.Context, in *caseInput) (*assessmentOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Assess(ctx, httpapi.Actor(ctx), key, in.AppID)
	if err != nil {
		return nil, err
	}
	return &assessmentOutput{Body: assessmentOf(httpapi.Reply(ctx, result))}, nil
}

type decisionBody struct {
	Decision  string         `json:"decision" enum:"APPROVE,REJECT"`
	MaxAmount *httpapi.Money `json:"max_amount,omitempty" doc:"Upper bound of the offer; only with APPROVE"`
	Reasons   []reasonBody   `json:"reasons" doc:"Only with REJECT"`
	Comment   string         `json:"comment"`
	DecidedBy uuid.UUID      `json:"decided_by" format:"uuid"`
	DecidedAt time.Time      `json:"decided_at"`
}

func decisionOf(d Decision) decisionBody {
	body := decisionBody{
		Decision: string(d.Outcome), Reasons: reasonsOf(d.Reasons), Comment: d.Comment, DecidedBy: d.DecidedBy,
		DecidedAt: d.DecidedAt,
	}
	if d.Outcome == Approve {
		amount := httpapi.MoneyOf(d.MaxAmount)
		body.MaxAmount = &amount
	}
	return body
}

type reportOutput struct {
	Body struct {
		CustomerID uuid.UUID      `json:"customer_id" format:"uuid"`
		Assessment assessmentBody `json:"assessment"`
		Decision   *decisionBody  `json:"decision,omitempty" doc:"Absent until the risk manager decided"`
	}
}

func (s *Service) getReport(ctx context.Context, in *caseInput) (*reportOutput, error) {
	report, err := s.Report(ctx, httpapi.Actor(ctx), in.AppID)
	if err != nil {
		return nil, err
	}
	out := &reportOutput{}
	out.Body.CustomerID = report.CustomerID
	out.Body.Assessment = assessmentOf(report.Assessment)
	if report.Decision != nil {
		decision := decisionOf(*report.Decision)
		out.Body.Decision = &decision
	}
	return out, nil
}

type decisionInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"The application"`
	Body  struct {
		Decision  string         `json:"decision" enum:"APPROVE,REJECT"`
		MaxAmount *httpapi.Money `json:"max_amount,omitempty" doc:"Upper bound of the offer; required with APPROVE"`
		Reasons   []string       `json:"reasons,omitempty" maxItems:"4" example:"[\"DEBT_TO_INCOME_TOO_HIGH\"]" doc:"Reason codes; required with REJECT"`
		Comment   string         `json:"comment,omitempty" maxLength:"1000" doc:"For the file; never shown to the applicant"`
	}
}

type decisionOutput struct {
	Body decisionBody
}

func (s *Service) postDecision(ctx context.Context, in *decisionInput) (*decisionOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	ruling := Ruling{Outcome: Outcome(in.Body.Decision), Comment: in.Body.Comment}
	if in.Body.MaxAmount != nil {
		ruling.MaxAmount = in.Body.MaxAmount.Value()
	}
	for _, code := range in.Body.Reasons {
		ruling.Reasons = append(ruling.Reasons, Reason(code))
	}
	result, err := s.Decide(ctx, httpapi.Actor(ctx), key, in.AppID, ruling)
	if err != nil {
		return nil, err
	}
	return &decisionOutput{Body: decisionOf(httpapi.Reply(ctx, result))}, nil
}
