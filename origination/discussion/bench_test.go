package discussion_test

import (
	"net/http"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/origination/discussion"
)

// bench is the service on a database of its own, with one application. Its
// clock stands still.
type bench struct {
	t         *testing.T
	db        *database.DB
	component *app.Component
	server    *httpapitest.Server
	on        event.OnApplication
	officer   uuid.UUID
}

func setup(t *testing.T) *bench {
	t.Helper()
	db := dbtest.New(t, "discussion")
	env := httpapitest.Env(t, "discussion", db)
	env.Now = func() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) }
	component, err := discussion.New(env)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{
		t: t, db: db, component: component, server: httpapitest.New(t, component), officer: uuid.New(),
		on: event.OnApplication{ApplicationID: uuid.New(), CustomerID: uuid.New()},
	}
}

func (b *bench) deliver(events ...event.Event) {
	b.t.Helper()
	streamtest.Deliver(b.t, b.db, "discussion", b.component.Subscriptions, events...)
}

func rupees(minor int64) money.Amount { return money.New(minor, money.MustCurrency("INR")) }

func (b *bench) submit() {
	b.deliver(
		event.ApplicationCreated{OnApplication: b.on, Amount: rupees(20_000_00), Instalments: 24},
		event.ApplicationSubmitted{
			OnApplication: b.on, Product: "PERSONAL_LOAN", Amount: rupees(20_000_00), Instalments: 24,
			MonthlyIncome: rupees(50_000_00), MonthlyObligations: rupees(0),
		},
		event.ApplicationStageChanged{OnApplication: b.on, From: event.StageKYC, To: event.StageRisk})
}

func (b *bench) riskApproved() event.RiskApproved {
	return event.RiskApproved{OnApplication: b.on, Band: "A", MaxAmount: rupees(20_000_00), DecidedBy: uuid.New()}
}

func (b *bench) open() {
	b.submit()
	b.deliver(b.riskApproved(),
		event.ApplicationStageChanged{OnApplication: b.on, From: event.StageRisk, To: event.StageDiscussion})
}

func (b *bench) closeDay(closed, next civil.Date) {
	b.deliver(event.BusinessDayClosed{BookID: uuid.New(), Book: "main", Closed: closed, Next: next})
}

func (b *bench) path(step string) string {
	return "/api/v1/discussion/" + b.on.ApplicationID.String() + "/" + step
}

func (b *bench) asOfficer() *httpapitest.Client { return b.server.As(b.officer, access.Officer) }

func (b *bench) asOwner() *httpapitest.Client { return b.server.As(b.on.CustomerID, access.Customer) }

type object map[string]any

func inr(amount string) object { return object{"amount": amount, "currency": "INR"} }

// illustration is the central bank's published example of a key facts statement.
func illustration() object {
	return object{
		"principal": inr("20000"), "annual_rate_percent": "15", "instalments": 24, "valid_days": 14,
		"charges": []object{
			{"name": "processing fee", "amount": inr("240"), "party": "LENDER"},
			{"name": "insurance", "amount": inr("160"), "party": "THIRD_PARTY"},
		},
	}
}

func changed(field string, value any) object {
	body := illustration()
	body[field] = value
	return body
}

type moneyView struct {
	Amount string `json:"amount"`
}

type offerView struct {
	ID           uuid.UUID `json:"id"`
	Version      int       `json:"version"`
	Status       string    `json:"status"`
	ValidUntil   string    `json:"valid_until"`
	Disbursement string    `json:"disbursement_date"`
	ScheduleHash string    `json:"schedule_hash"`
	KeyFacts     struct {
		NetDisbursed      moneyView `json:"net_disbursed"`
		Instalment        moneyView `json:"instalment"`
		TotalInterest     moneyView `json:"total_interest"`
		TotalCharges      moneyView `json:"total_charges"`
		LenderCharges     moneyView `json:"lender_charges"`
		ThirdPartyCharges moneyView `json:"third_party_charges"`
		TotalPaid         moneyView `json:"total_paid"`
		APRPercent        string    `json:"apr_percent"`
		Effective         string    `json:"effective_annual_percent"`
	} `json:"key_facts"`
	Schedule []struct {
		DueDate string    `json:"due_date"`
		Total   moneyView `json:"total"`
		Balance moneyView `json:"balance"`
	} `json:"schedule"`
}

func (b *bench) offer(body object) offerView {
	b.t.Helper()
	var view offerView
	b.asOfficer().Post(b.path("offer"), body).Want(http.StatusCreated).Into(&view)
	return view
}

func (b *bench) current() offerView {
	b.t.Helper()
	var view offerView
	b.asOwner().Get(b.path("offer")).Want(http.StatusOK).Into(&view)
	return view
}

func acceptance(o offerView) object { return object{"offer_id": o.ID, "schedule_hash": o.ScheduleHash} }
