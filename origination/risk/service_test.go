package risk_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/origination/risk"
)

// bench is the service on a database of its own, with one application.
type bench struct {
	t         *testing.T
	db        *database.DB
	component *app.Component
	server    *httpapitest.Server
	on        event.OnApplication
	manager   uuid.UUID
}

func setup(t *testing.T) *bench {
	t.Helper()
	db := dbtest.New(t, "risk")
	component, err := risk.New(httpapitest.Env(t, "risk", db))
	if err != nil {
		t.Fatal(err)
	}
	return &bench{
		t: t, db: db, component: component, server: httpapitest.New(t, component), manager: uuid.New(),
		on: event.OnApplication{ApplicationID: uuid.New(), CustomerID: uuid.New()},
	}
}

func (b *bench) deliver(events ...event.Event) {
	b.t.Helper()
	streamtest.Deliver(b.t, b.db, "risk", b.component.Subscriptions, events...)
}

func amount(minor int64) money.Amount { return money.New(minor, money.MustCurrency("INR")) }

func (b *bench) submitted() event.ApplicationSubmitted {
	return event.ApplicationSubmitted{
		OnApplication: b.on, Product: "PERSONAL_LOAN", Amount: amount(20_000_00), Instalments: 24, Purpose: "education",
		MonthlyIncome: amount(50_000_00), MonthlyObligations: amount(5_000_00),
	}
}

// toKYC brings the application to KYC review, toRisk to its assessment.
func (b *bench) toKYC() {
	b.deliver(
		event.ApplicationCreated{OnApplication: b.on, Product: "PERSONAL_LOAN", Amount: amount(20_000_00), Instalments: 24},
		b.submitted(), event.ApplicationStageChanged{OnApplication: b.on, From: event.StageInput, To: event.StageKYC})
}

func (b *bench) toRisk() {
	b.toKYC()
	b.deliver(event.KYCApproved{OnApplication: b.on, ManagerID: uuid.New()},
		event.ApplicationStageChanged{OnApplication: b.on, From: event.StageKYC, To: event.StageRisk})
}

func (b *bench) path(step string) string {
	return "/api/v1/risk/" + b.on.ApplicationID.String() + "/" + step
}

func (b *bench) system() *httpapitest.Client { return b.server.As(uuid.New(), access.System) }

func (b *bench) riskManager() *httpapitest.Client { return b.server.As(b.manager, access.RiskMgr) }

func (b *bench) count(table string) int {
	b.t.Helper()
	queries := map[string]string{
		"assessment": `select count(*) from assessment`,
		"decision":   `select count(*) from decision`,
		"audit":      `select count(*) from audit`,
	}
	var n int
	if err := b.db.Pool().QueryRow(context.Background(), queries[table]).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

func approve(maxAmount string) map[string]any {
	return map[string]any{"decision": "APPROVE", "max_amount": map[string]string{"amount": maxAmount, "currency": "INR"}}
}

type reportView struct {
	CustomerID uuid.UUID      `json:"customer_id"`
	Assessment assessmentView `json:"assessment"`
	Decision   *struct {
		Decision  string    `json:"decision"`
		DecidedBy uuid.UUID `json:"decided_by"`
	} `json:"decision"`
}

type assessmentView struct {
	Score          int    `json:"score"`
	Band           string `json:"band"`
	PolicyVersion  string `json:"policy_version"`
	InputsHash     string `json:"inputs_hash"`
	Recommendation string `json:"recommendation"`
	Reasons        []struct {
		Code string `json:"code"`
		Text string `json:"text"`
	} `json:"reasons"`
}

func TestAssessesByItselfWhenIdentityIsApproved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.toRisk()
	want := event.RiskAssessed{
		OnApplication: b.on, Score: 970, Band: "A", PolicyVersion: "2026-11", Reasons: []string{"TERM_TOO_LONG"},
	}
	if diff := cmp.Diff(want, streamtest.Last[event.RiskAssessed](t, b.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	var report reportView
	b.server.As(uuid.New(), access.Officer).Get(b.path("report")).Want(http.StatusOK).Into(&report)
	if report.CustomerID != b.on.CustomerID || report.Assessment.Score != 970 || report.Decision != nil ||
		len(report.Assessment.InputsHash) != 64 || report.Assessment.Reasons[0].Text == "" {
		t.Errorf("report %+v", report)
	}
}

func TestAssessingAgainIsHarmless(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.toRisk()
	first := b.system().Post(b.path("assess"), nil).Want(http.StatusOK)
	second := b.system().Post(b.path("assess"), nil).Want(http.StatusOK)
	if diff := cmp.Diff(string(first.Body), string(second.Body)); diff != "" {
		t.Errorf("assessed twice (-first +second):\n%s", diff)
	}
	kyc := streamtest.Envelope(t, event.KYCApproved{OnApplication: b.on})
	for range 2 {
		if err := streamtest.TryDeliver(t, b.db, "risk", b.component.Subscriptions, kyc); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"risk.assessed.v1"}, streamtest.Types(t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	if n := b.count("assessment"); n != 1 {
		t.Errorf("%d assessments, want 1", n)
	}
}

func TestAssessmentCanBeReplayed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.toRisk()
	var stored string
	err := b.db.Pool().QueryRow(context.Background(), `select report from assessment where application_id = $1`,
		b.on.ApplicationID).Scan(&stored)
	if err != nil {
		t.Fatal(err)
	}
	var a risk.Assessment
	if err := json.Unmarshal([]byte(stored), &a); err != nil {
		t.Fatal(err)
	}
	replayed, err := risk.Assess(a.Inputs, a.PolicyVersion, a.AssessedAt)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, replayed); diff != "" {
		t.Errorf("replay (-stored +replayed):\n%s", diff)
	}
}

func TestInputsAreFrozenByApprovalOfIdentity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.toKYC()
	poorer := b.submitted()
	poorer.MonthlyIncome = amount(4_000_00)
	poorer.MonthlyObligations = amount(800_00)
	b.deliver(poorer)
	b.deliver(event.KYCApproved{OnApplication: b.on})
	if got := streamtest.Last[event.RiskAssessed](t, b.db).Score; got != 580 {
		t.Errorf("score %d, want 580 by the corrected figures", got)
	}
	b.deliver(b.submitted())
	var a assessmentView
	b.system().Post(b.path("assess"), nil).Want(http.StatusOK).Into(&a)
	if a.Score != 580 {
		t.Errorf("score %d after a late submission, want 580 still", a.Score)
	}
	var income int64
	err := b.db.Pool().QueryRow(context.Background(), `select monthly_income from risk_input`).Scan(&income)
	if err != nil || income != poorer.MonthlyIncome.Minor() {
		t.Errorf("inputs changed after the assessment: income %d (%v)", income, err)
	}
}

func TestApprove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.toRisk()
	client := b.riskManager().WithKey("decision-1")
	first := client.Post(b.path("decision"), approve("20000")).Want(http.StatusOK)
	again := client.Post(b.path("decision"), approve("20000")).Want(http.StatusOK)
	if again.Header.Get("Idempotency-Replayed") != "true" || string(first.Body) != string(again.Body) {
		t.Errorf("same key: %s, first %s", again.Body, first.Body)
	}
	b.riskManager().Post(b.path("decision"), approve("20000.00")).Want(http.StatusOK)
	want := event.RiskApproved{OnApplication: b.on, Band: "A", MaxAmount: amount(20_000_00), DecidedBy: b.manager}
	if diff := cmp.Diff(want, streamtest.Last[event.RiskApproved](t, b.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"risk.assessed.v1", "risk.approved.v1"}, streamtest.Types(t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	b.riskManager().Post(b.path("decision"), approve("19000")).WantProblem(http.StatusConflict, "already-decided")
	b.riskManager().Post(b.path("decision"), map[string]any{"decision": "REJECT", "reasons": []string{"TERM_TOO_LONG"}}).
		WantProblem(http.StatusConflict, "already-decided")
	var report reportView
	b.riskManager().Get(b.path("report")).Want(http.StatusOK).Into(&report)
	if report.Decision == nil || report.Decision.Decision != "APPROVE" || report.Decision.DecidedBy != b.manager {
		t.Errorf("decision in report: %+v", report.Decision)
	}
}

func TestReject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.toRisk()
	b.riskManager().Post(b.path("decision"), map[string]any{
		"decision": "REJECT", "reasons": []string{"INCOME_NOT_VERIFIABLE", "TERM_TOO_LONG"}, "comment": "no payslips",
	}).Want(http.StatusOK)
	want := event.RiskRejected{
		OnApplication: b.on, Reasons: []string{"INCOME_NOT_VERIFIABLE", "TERM_TOO_LONG"}, DecidedBy: b.manager,
	}
	if diff := cmp.Diff(want, streamtest.Last[event.RiskRejected](t, b.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	err := database.InReadTx(context.Background(), b.db, func(tx database.Tx) error {
		_, err := command.VerifyAudit(context.Background(), tx, b.on.ApplicationID)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestApprovingAgainstRecommendationNeedsComment(t *testing.T) {
	t.Parallel()
	b := setup(t)
	poor := b.submitted()
	poor.MonthlyIncome = amount(0)
	b.deliver(event.ApplicationCreated{OnApplication: b.on, Amount: poor.Amount}, poor,
		event.KYCApproved{OnApplication: b.on})
	b.riskManager().Post(b.path("decision"), approve("5000")).
		WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "body.comment")
	body := approve("5000")
	body["comment"] = "secured by a pledged deposit"
	b.riskManager().Post(b.path("decision"), body).Want(http.StatusOK)
}

func TestBadDecisionsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.toRisk()
	before := b.count("audit")
	reject := func(reasons ...string) map[string]any {
		return map[string]any{"decision": "REJECT", "reasons": reasons}
	}
	yen := map[string]any{"decision": "APPROVE", "max_amount": map[string]string{"amount": "20000", "currency": "JPY"}}
	withReasons := approve("100")
	withReasons["reasons"] = []string{"TERM_TOO_LONG"}
	rejectWithAmount := reject("TERM_TOO_LONG")
	rejectWithAmount["max_amount"] = approve("5")["max_amount"]
	unknownField := approve("100")
	unknownField["max_ammount"] = 1
	tests := map[string]struct {
		body  map[string]any
		slug  string
		field string
	}{
		"nothing":             {map[string]any{}, "validation", "body.decision"},
		"unknown decision":    {map[string]any{"decision": "MAYBE"}, "validation", "body.decision"},
		"unknown field":       {unknownField, "validation", "body.max_ammount"},
		"approve nothing":     {map[string]any{"decision": "APPROVE"}, "invalid-value", "body.max_amount"},
		"zero":                {approve("0"), "invalid-value", "body.max_amount"},
		"negative":            {approve("-5"), "invalid-value", "body.max_amount"},
		"more than asked for": {approve("20000.01"), "invalid-value", "body.max_amount"},
		"absurd":              {approve("999999999999999999"), "validation", "body.max_amount.amount"},
		"too many decimals":   {approve("5.001"), "validation", "body.max_amount.amount"},
		"other currency":      {yen, "invalid-value", "body.max_amount"},
		"approve for reasons": {withReasons, "invalid-value", "body.reasons"},
		"reject for nothing":  {reject(), "invalid-value", "body.reasons"},
		"reject with amount":  {rejectWithAmount, "invalid-value", "body.max_amount"},
		"unknown reason":      {reject("TERM_TOO_LONG", "BAD_STARS"), "invalid-value", "body.reasons[1]"},
		"reason given twice":  {reject("TERM_TOO_LONG", "TERM_TOO_LONG"), "invalid-value", "body.reasons[1]"},
		"five reasons":        {reject("A", "B", "C", "D", "E"), "validation", "body.reasons"},
	}
	for name, test := range tests {
		t.Log(name) // the last one logged is the one that failed
		b.riskManager().Post(b.path("decision"), test.body).
			WantProblem(http.StatusUnprocessableEntity, test.slug).WantField(t, test.field)
	}
	b.riskManager().WithKey("-").Post(b.path("decision"), approve("100")).
		WantProblem(http.StatusBadRequest, "idempotency-key-missing")
	if n := b.count("decision"); n != 0 {
		t.Errorf("%d decisions after nothing but bad ones", n)
	}
	if after := b.count("audit"); after != before {
		t.Errorf("audit grew from %d to %d rows", before, after)
	}
}

func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.riskManager().Post(b.path("decision"), approve("5")).WantProblem(http.StatusNotFound, "application-not-found")
	b.toKYC()
	for _, answer := range []*httpapitest.Answer{
		b.system().Post(b.path("assess"), nil), b.riskManager().Post(b.path("decision"), approve("5")),
	} {
		problem := answer.WantProblem(http.StatusConflict, "wrong-stage")
		want := "application is at another stage: it is at KYC_REVIEW, this step needs RISK_ASSESSMENT"
		if problem.Detail != want {
			t.Errorf("detail %q, want %q", problem.Detail, want)
		}
	}
	b.riskManager().Get(b.path("report")).WantProblem(http.StatusConflict, "not-assessed")
	if types := streamtest.Types(t, b.db); len(types) != 0 {
		t.Errorf("announced %v", types)
	}
}

func TestKYCApprovalBeforeSubmissionWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	err := streamtest.TryDeliver(t, b.db, "risk", b.component.Subscriptions,
		streamtest.Envelope(t, event.KYCApproved{OnApplication: b.on}))
	if !errors.Is(err, stream.ErrNotYet) {
		t.Errorf("error %v, want ErrNotYet", err)
	}
}

func TestMixedCurrenciesAreMalformed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mixed := b.submitted()
	mixed.MonthlyIncome = money.New(1, money.MustCurrency("USD"))
	err := streamtest.TryDeliver(t, b.db, "risk", b.component.Subscriptions, streamtest.Envelope(t, mixed))
	if !errors.Is(err, event.ErrMalformed) {
		t.Errorf("error %v, want ErrMalformed", err)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.toRisk()
	calls := []struct {
		step    string
		allowed []access.Role
		call    func(*httpapitest.Client) *httpapitest.Answer
	}{
		{
			"assess",
			[]access.Role{access.System},
			func(c *httpapitest.Client) *httpapitest.Answer { return c.Post(b.path("assess"), nil) },
		},
		{
			"report",
			[]access.Role{access.Officer, access.RiskMgr},
			func(c *httpapitest.Client) *httpapitest.Answer { return c.Get(b.path("report")) },
		},
		{
			"decision",
			[]access.Role{access.RiskMgr},
			func(c *httpapitest.Client) *httpapitest.Answer { return c.Post(b.path("decision"), approve("100")) },
		},
	}
	for _, call := range calls {
		call.call(b.server.Anonymous()).WantProblem(http.StatusUnauthorized, "unauthenticated")
		for _, role := range access.Roles {
			answer := call.call(b.server.As(b.on.CustomerID, role))
			want := http.StatusForbidden
			for _, allowed := range call.allowed {
				if role == allowed {
					want = http.StatusOK
				}
			}
			if answer.Status != want {
				t.Errorf("%s as %s: status %d, want %d", call.step, role, answer.Status, want)
			}
		}
	}
	other := "/api/v1/risk/" + uuid.NewString() + "/report"
	b.riskManager().Get(other).WantProblem(http.StatusNotFound, "application-not-found")
	b.riskManager().Get("/api/v1/risk/no-uuid/report").WantProblem(http.StatusUnprocessableEntity, "validation")
}
