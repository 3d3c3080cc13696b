package application_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
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
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/origination/application"
)

const applications = "/api/v1/applications"

// bundle is the service under test on a database of its own.
type bundle struct {
	t         *testing.T
	db        *database.DB
	env       *app.Env
	component *app.Component
	server    *httpapitest.Server
	now       func() time.Time
}

func setup(t *testing.T) *bundle {
	t.Helper()
	db := dbtest.New(t, "application")
	b := &bundle{t: t, db: db, env: httpapitest.Env(t, "application", db), now: time.Now}
	b.env.Now = func() time.Time { return b.now() }
	component, err := application.New(b.env)
	if err != nil {
		t.Fatal(err)
	}
	b.component, b.server = component, httpapitest.New(t, component)
	return b
}

func inr(text string) map[string]any { return map[string]any{"amount": text, "currency": "INR"} }

func request() map[string]any {
	return map[string]any{
		"product": "MICRO_LOAN", "amount": inr("20000.00"), "instalments": 24, "purpose": "BUSINESS",
		"monthly_income": inr("30000"), "monthly_obligations": inr("1500.50"),
	}
}

func with(body map[string]any, field string, value any) map[string]any {
	out := maps.Clone(body)
	out[field] = value
	return out
}

// apply opens an application as the customer and returns its id.
func (b *bundle) apply(customer uuid.UUID) uuid.UUID {
	b.t.Helper()
	var created struct{ ID uuid.UUID }
	b.server.As(customer, access.Customer).Post(applications, request()).Want(http.StatusCreated).Into(&created)
	return created.ID
}

func (b *bundle) deliver(events ...event.Event) {
	b.t.Helper()
	streamtest.Deliver(b.t, b.db, "application", b.component.Subscriptions, events...)
}

// view is what GET /applications/{id} tells that tests look at.
type view struct {
	Stage   string     `json:"stage"`
	Outcome string     `json:"outcome"`
	Missing []string   `json:"missing"`
	LoanID  *uuid.UUID `json:"loan_id"`
}

func (b *bundle) get(id uuid.UUID) view {
	b.t.Helper()
	var got view
	b.server.As(uuid.New(), access.Officer).Get(applications + "/" + id.String()).Want(http.StatusOK).Into(&got)
	return got
}

func (b *bundle) count() map[string]int64 {
	b.t.Helper()
	counts := make(map[string]int64)
	for _, table := range []string{"application", "timeline", "document", "outbox", "audit", "idempotency"} {
		var n int64
		err := b.db.Pool().QueryRow(context.Background(), "select count(*) from "+table).Scan(&n)
		if err != nil {
			b.t.Fatal(err)
		}
		counts[table] = n
	}
	return counts
}

func (b *bundle) audited(id uuid.UUID) int64 {
	b.t.Helper()
	var rows int64
	err := database.InReadTx(context.Background(), b.db, func(tx database.Tx) error {
		var err error
		rows, err = command.VerifyAudit(context.Background(), tx, id)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return rows
}

func on(id, customer uuid.UUID) event.OnApplication {
	return event.OnApplication{ApplicationID: id, CustomerID: customer}
}

func document(id, customer uuid.UUID, kind string) event.DocumentUploaded {
	return event.DocumentUploaded{OnApplication: on(id, customer), DocumentID: uuid.New(), Kind: kind}
}

func identified(customer uuid.UUID) event.CustomerKYCSubmitted {
	return event.CustomerKYCSubmitted{OnCustomer: event.OnCustomer{CustomerID: customer}}
}

func amount(text, code string) money.Amount {
	parsed, err := money.Parse(text, money.MustCurrency(code))
	if err != nil {
		panic(err)
	}
	return parsed
}

func rupees(text string) money.Amount { return amount(text, "INR") }

func TestApply(t *testing.T) {
	t.Parallel()
	b := setup(t)
	customer := uuid.New()
	client := b.server.As(customer, access.Customer).WithKey("one")
	var created struct {
		ID      uuid.UUID `json:"id"`
		Stage   string    `json:"stage"`
		Missing []string  `json:"missing"`
	}
	answer := client.Post(applications, request()).Want(http.StatusCreated).Into(&created)
	if got, want := answer.Header.Get("Location"), applications+"/"+created.ID.String(); got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	all := []string{"IDENTITY_DATA", "DOCUMENT_IDENTITY", "DOCUMENT_INCOME"}
	if created.Stage != "INPUT" || !slices.Equal(created.Missing, all) {
		t.Errorf("created at %s missing %q", created.Stage, created.Missing)
	}
	want := event.ApplicationCreated{
		OnApplication: on(created.ID, customer), Product: "MICRO_LOAN", Amount: rupees("20000"), Instalments: 24,
		Purpose: "BUSINESS",
	}
	if diff := cmp.Diff(want, streamtest.Last[event.ApplicationCreated](t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}

	before := b.count()
	again := client.Post(applications, request()).Want(http.StatusCreated)
	if string(again.Body) != string(answer.Body) || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated: %s, want %s", again.Body, answer.Body)
	}
	client.Post(applications, with(request(), "instalments", 12)).
		WantProblem(http.StatusUnprocessableEntity, "idempotency-key-reused")
	if diff := cmp.Diff(before, b.count()); diff != "" {
		t.Errorf("repeating left traces (-before +after):\n%s", diff)
	}

	var got map[string]any
	b.server.As(customer, access.Customer).Get(applications + "/" + created.ID.String()).Want(http.StatusOK).Into(&got)
	for field, want := range map[string]string{
		"amount": "map[amount:20000.00 currency:INR]", "monthly_income": "map[amount:30000.00 currency:INR]",
		"monthly_obligations": "map[amount:1500.50 currency:INR]", "purpose": "BUSINESS", "instalments": "24",
		"customer_id": customer.String(), "rate_band": "map[maximum_percent:26.00 minimum_percent:12.00]",
	} {
		if text := fmt.Sprint(got[field]); text != want {
			t.Errorf("%s is %s, want %s", field, text, want)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	usd := func(text string) map[string]any { return map[string]any{"amount": text, "currency": "USD"} }
	tests := []struct {
		name, field string
		value       any
		location    string
	}{
		{"unknown product", "product", "YACHT_LOAN", "body.product"},
		{"too little", "amount", inr("999.99"), "body.amount.amount"},
		{"too much", "amount", inr("300000.01"), "body.amount.amount"},
		{"absurdly much", "amount", inr("999999999999999999"), "body.amount.amount"},
		{"negative", "amount", inr("-20000"), "body.amount.amount"},
		{"zero", "amount", inr("0"), "body.amount.amount"},
		{"too many decimals", "amount", inr("20000.001"), "body.amount.amount"},
		{"number instead of text", "amount", map[string]any{"amount": 20000, "currency": "INR"}, "body.amount.amount"},
		{"currency not on offer", "amount", map[string]any{"amount": "20000", "currency": "CHF"}, "body.amount.currency"},
		{"no such currency", "amount", map[string]any{"amount": "20000", "currency": "QQQ"}, "body.amount.currency"},
		{"too few instalments", "instalments", 2, "body.instalments"},
		{"too many instalments", "instalments", 37, "body.instalments"},
		{"absurd instalments", "instalments", 100000, "body.instalments"},
		{"half an instalment", "instalments", 24.5, "body.instalments"},
		{"free text as purpose", "purpose", "for Asha's shop", "body.purpose"},
		{"income in another currency", "monthly_income", usd("3000"), "body.monthly_income.currency"},
		{"negative income", "monthly_income", inr("-1"), "body.monthly_income.amount"},
		{"income of a state", "monthly_income", inr("1000000000.01"), "body.monthly_income.amount"},
		{"obligations in another currency", "monthly_obligations", usd("30"), "body.monthly_obligations.currency"},
		{"negative obligations", "monthly_obligations", inr("-0.01"), "body.monthly_obligations.amount"},
		{"unknown field", "stage", "APPROVAL", "body.stage"},
	}
	borrower := b.server.As(uuid.New(), access.Customer)
	before := b.count()
	for _, tc := range tests {
		t.Log(tc.name)
		borrower.Post(applications, with(request(), tc.field, tc.value)).
			WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, tc.location)
	}
	borrower.WithKey("-").Post(applications, request()).WantProblem(http.StatusBadRequest, "idempotency-key-missing")
	for _, role := range access.Roles {
		if role != access.Customer {
			b.server.As(uuid.New(), role).Post(applications, request()).WantProblem(http.StatusForbidden, "forbidden")
		}
	}
	b.server.Anonymous().Post(applications, request()).WantProblem(http.StatusUnauthorized, "unauthenticated")
	if diff := cmp.Diff(before, b.count()); diff != "" {
		t.Errorf("refused applications left traces (-before +after):\n%s", diff)
	}
}

func TestOpenApplicationsAreLimited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	customer := uuid.New()
	var ids []uuid.UUID
	for range application.OpenMax {
		ids = append(ids, b.apply(customer))
	}
	before := b.count()
	b.server.As(customer, access.Customer).Post(applications, request()).
		WantProblem(http.StatusConflict, "too-many-applications")
	if diff := cmp.Diff(before, b.count()); diff != "" {
		t.Errorf("the refused application left traces (-before +after):\n%s", diff)
	}
	b.apply(uuid.New()) // others are not concerned
	b.deliver(event.KYCRejected{OnApplication: on(ids[0], customer)})
	b.apply(customer)
}

// TestOpenApplicationsAreLimitedAtOnce sends twice as many as are allowed together.
func TestOpenApplicationsAreLimitedAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	borrower := b.server.As(uuid.New(), access.Customer).Patient()
	statuses := make(chan int, 2*application.OpenMax)
	for range cap(statuses) {
		go func() { statuses <- borrower.Post(applications, request()).Status }()
	}
	got := make(map[int]int)
	for range cap(statuses) {
		got[<-statuses]++
	}
	want := map[int]int{http.StatusCreated: application.OpenMax, http.StatusConflict: application.OpenMax}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// TestHandedInWhenComplete lets the three things arrive in every order.
func TestHandedInWhenComplete(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, order := range [][]string{
		{"identity", "IDENTITY", "INCOME"},
		{"IDENTITY", "identity", "INCOME"},
		{"IDENTITY", "INCOME", "identity"},
		{"INCOME", "OTHER", "identity", "IDENTITY"},
		{"INCOME", "IDENTITY", "identity", "identity"},
	} {
		customer := uuid.New()
		id := b.apply(customer)
		for i, what := range order {
			if what == "identity" {
				b.deliver(identified(customer))
			} else {
				b.deliver(document(id, customer, what))
			}
			got := b.get(id)
			complete := i >= slices.Index(order, "IDENTITY") && i >= slices.Index(order, "INCOME") &&
				i >= slices.Index(order, "identity")
			if complete != (got.Stage == "KYC_REVIEW") || complete != (len(got.Missing) == 0) {
				t.Errorf("%q after %d: at %s missing %q", order, i+1, got.Stage, got.Missing)
			}
		}
		want := event.ApplicationSubmitted{
			OnApplication: on(id, customer), Product: "MICRO_LOAN", Amount: rupees("20000"), Instalments: 24,
			Purpose: "BUSINESS", MonthlyIncome: rupees("30000"), MonthlyObligations: rupees("1500.50"),
		}
		if diff := cmp.Diff(want, streamtest.Last[event.ApplicationSubmitted](t, b.db)); diff != "" {
			t.Errorf("%q announced (-want +got):\n%s", order, diff)
		}
	}
	types := streamtest.Types(t, b.db)
	submitted := slices.DeleteFunc(slices.Clone(types), func(s string) bool { return s != "application.submitted.v1" })
	if len(submitted) != 5 {
		t.Errorf("%d applications handed in, want 5: each once", len(submitted))
	}
}

// TestIdentityHandsInEveryApplication has two that wait for it and one that does not.
func TestIdentityHandsInEveryApplication(t *testing.T) {
	t.Parallel()
	b := setup(t)
	customer := uuid.New()
	first, second, third := b.apply(customer), b.apply(customer), b.apply(customer)
	for _, id := range []uuid.UUID{first, second} {
		b.deliver(document(id, customer, "IDENTITY"), document(id, customer, "INCOME"))
	}
	b.deliver(identified(customer))
	for id, want := range map[uuid.UUID]string{first: "KYC_REVIEW", second: "KYC_REVIEW", third: "INPUT"} {
		if got := b.get(id).Stage; got != want {
			t.Errorf("at %s, want %s", got, want)
		}
	}
	var created struct{ Missing []string }
	b.server.As(customer, access.Customer).Post(applications, request()).Want(http.StatusCreated).Into(&created)
	if want := []string{"DOCUMENT_IDENTITY", "DOCUMENT_INCOME"}; !slices.Equal(created.Missing, want) {
		t.Errorf("a later application misses %q, want %q", created.Missing, want)
	}
}

func TestDocumentsTakenBackAreMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	customer := uuid.New()
	id := b.apply(customer)
	uploaded := document(id, customer, "IDENTITY")
	deleted := event.DocumentDeleted{OnApplication: on(id, customer), DocumentID: uploaded.DocumentID, Kind: "IDENTITY"}
	b.deliver(uploaded, deleted, identified(customer), document(id, customer, "INCOME"))
	got := b.get(id)
	if want := []string{"DOCUMENT_IDENTITY"}; got.Stage != "INPUT" || !slices.Equal(got.Missing, want) {
		t.Errorf("at %s missing %q, want INPUT missing %q", got.Stage, got.Missing, want)
	}
	b.deliver(uploaded) // told once more under another id: it stays deleted
	if got := b.get(id).Stage; got != "INPUT" {
		t.Errorf("a deleted document counted: at %s", got)
	}
	b.deliver(document(id, customer, "IDENTITY"))
	if got := b.get(id).Stage; got != "KYC_REVIEW" {
		t.Errorf("at %s, want KYC_REVIEW", got)
	}
}

func TestUnknownApplicationsAreNotPassedOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stray := streamtest.Envelope(t, event.KYCApproved{OnApplication: on(uuid.New(), uuid.New())})
	err := streamtest.TryDeliver(t, b.db, "application", b.component.Subscriptions, stray)
	if err == nil || !strings.Contains(err.Error(), "no such application") {
		t.Errorf("a decision on an unknown application gave %v", err)
	}
	today := civil.Date{Year: 2026, Month: 4, Day: 2}
	imported := event.LoanActivated{
		OnLoan: event.OnLoan{LoanID: uuid.New()}, Principal: rupees("1"), BusinessDate: today,
	}
	b.deliver(imported) // a loan that never was an application is nobody's fault
}

// TestDocumentation makes the API as the documentation does: without a database.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	component, err := application.New(httpapitest.Env(t, "application", nil))
	if err != nil {
		t.Fatal(err)
	}
	httpapitest.New(t, component)
}

// instant is a time that differs from now by n seconds, without what a
// database cannot store.
func instant(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0).UTC() }
