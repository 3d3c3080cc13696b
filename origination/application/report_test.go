package application_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/event"
)

const (
	loansPath     = "/api/v1/admin/loans"
	dashboardPath = "/api/v1/admin/reports/dashboard"
)

func TestApplicationsAreNobodyElses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	owner, other := uuid.New(), uuid.New()
	id := b.apply(owner)
	b.apply(other)
	for _, path := range []string{applications + "/" + id.String(), applications + "/" + id.String() + "/timeline"} {
		b.server.As(owner, access.Customer).Get(path).Want(http.StatusOK)
		for _, role := range access.Roles {
			client := b.server.As(other, role)
			if slices.Contains(access.Staff, role) {
				client.Get(path).Want(http.StatusOK)
			} else {
				client.Get(path).WantProblem(http.StatusNotFound, "application-not-found")
			}
		}
		b.server.As(owner, access.Partner).Get(path).WantProblem(http.StatusNotFound, "application-not-found")
		b.server.Anonymous().Get(path).WantProblem(http.StatusUnauthorized, "unauthenticated")
	}
	officer := b.server.As(uuid.New(), access.Officer)
	officer.Get(applications+"/"+uuid.NewString()).WantProblem(http.StatusNotFound, "application-not-found")
	officer.Get(applications+"/42").WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "path.id")
	officer.Get(applications+"/"+id.String()+"/timeline?cursor=forged").
		WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "query.cursor")
	for _, role := range access.Roles {
		for _, path := range []string{loansPath, dashboardPath} {
			answer := b.server.As(owner, role).Get(path)
			if role == access.Admin {
				answer.Want(http.StatusOK)
			} else {
				answer.WantProblem(http.StatusForbidden, "forbidden")
			}
		}
	}
}

type page struct {
	Items []struct {
		ID       uuid.UUID `json:"id"`
		Customer uuid.UUID `json:"customer_id"`
		Stage    string    `json:"stage"`
		Outcome  string    `json:"outcome"`
	} `json:"items"`
	Next string `json:"next_cursor"`
}

// list reads all pages of the administrators' listing.
func (b *bundle) list(query string) []uuid.UUID {
	b.t.Helper()
	admin := b.server.As(uuid.New(), access.Admin)
	ids := []uuid.UUID{}
	for next := ""; ; {
		var got page
		admin.Get(loansPath + "?limit=2" + query + "&cursor=" + next).Want(http.StatusOK).Into(&got)
		if len(got.Items) > 2 {
			b.t.Fatalf("%d items on a page of 2", len(got.Items))
		}
		for _, item := range got.Items {
			ids = append(ids, item.ID)
		}
		if next = got.Next; next == "" {
			return ids
		}
	}
}

func TestListLoans(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := uuid.New(), uuid.New()
	var newestFirst []uuid.UUID
	for i, customer := range []uuid.UUID{first, second, first, second, first} {
		b.now = func() time.Time { return instant(i) }
		newestFirst = slices.Insert(newestFirst, 0, b.apply(customer))
	}
	b.deliver(event.KYCRejected{OnApplication: on(newestFirst[0], first)},
		event.KYCApproved{OnApplication: on(newestFirst[1], second)})
	tests := map[string][]uuid.UUID{
		"":                               newestFirst,
		"&stage=INPUT":                   newestFirst[2:],
		"&stage=RISK_ASSESSMENT":         newestFirst[1:2],
		"&outcome=KYC_REJECTED":          newestFirst[:1],
		"&stage=REPAYMENT":               {},
		"&stage=INPUT&outcome=REPAID":    {},
		"&customer_id=" + first.String(): {newestFirst[0], newestFirst[2], newestFirst[4]},
		"&stage=INPUT&customer_id=" + second.String(): {newestFirst[3]},
		"&customer_id=" + uuid.NewString():            {},
	}
	for query, want := range tests {
		if diff := cmp.Diff(want, b.list(query)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
	for _, role := range access.Staff {
		var got page
		b.server.As(first, role).Get(applications).Want(http.StatusOK).Into(&got)
		if len(got.Items) != len(newestFirst) {
			t.Errorf("%s sees %d applications, want all", role, len(got.Items))
		}
	}
	own := map[string][]uuid.UUID{
		"":                                {newestFirst[0], newestFirst[2], newestFirst[4]},
		"?stage=INPUT":                    {newestFirst[2], newestFirst[4]},
		"?customer_id=" + first.String():  {newestFirst[0], newestFirst[2], newestFirst[4]},
		"?customer_id=" + second.String(): {},
	}
	for query, want := range own {
		var got page
		b.server.As(first, access.Customer).Get(applications + query).Want(http.StatusOK).Into(&got)
		ids := []uuid.UUID{}
		for _, item := range got.Items {
			ids = append(ids, item.ID)
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("of the borrower's own, %q (-want +got):\n%s", query, diff)
		}
	}
	for _, role := range []access.Role{access.Partner, access.System, access.Finance} {
		b.server.As(first, role).Get(applications).WantProblem(http.StatusForbidden, "forbidden")
	}
	admin := b.server.As(uuid.New(), access.Admin)
	for query, location := range map[string]string{
		"?stage=LIMBO": "query.stage", "?outcome=WON": "query.outcome", "?customer_id=7": "query.customer_id",
		"?limit=201": "query.limit", "?limit=0": "query.limit", "?cursor=%00": "query.cursor", "?page=2": "query.page",
	} {
		admin.Get(loansPath+query).WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, location)
	}
}

type named struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

type moneyTold struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

type boardTold struct {
	Total    int64          `json:"total"`
	Stages   []named        `json:"stages"`
	Outcomes []named        `json:"outcomes"`
	Amounts  []amountsTold  `json:"amounts"`
	Activity []activityTold `json:"activity"`
}

type amountsTold struct {
	Currency  string    `json:"currency"`
	Requested moneyTold `json:"requested"`
	Lending   moneyTold `json:"in_repayment"`
	Repaid    moneyTold `json:"repaid"`
}

type activityTold struct {
	Entered string `json:"entered"`
	Outcome string `json:"outcome"`
	Today   int64  `json:"today"`
	Week    int64  `json:"last_7_days"`
}

// TestDashboard has six applications of two currencies, of last week, of this
// week and of today.
func TestDashboard(t *testing.T) {
	t.Parallel()
	b := setup(t)
	today := time.Date(2026, 3, 10, 15, 0, 0, 0, time.UTC)
	at := func(daysAgo int) { b.now = func() time.Time { return today.AddDate(0, 0, -daysAgo) } }
	euro := with(request(), "amount", map[string]any{"amount": "1000.50", "currency": "EUR"})
	euro["monthly_income"] = map[string]any{"amount": "900", "currency": "EUR"}
	euro["monthly_obligations"] = map[string]any{"amount": "0", "currency": "EUR"}
	apply := func(body any) (uuid.UUID, uuid.UUID) {
		customer := uuid.New()
		var created struct{ ID uuid.UUID }
		b.server.As(customer, access.Customer).Post(applications, body).Want(http.StatusCreated).Into(&created)
		return created.ID, customer
	}
	move := func(events ...event.Event) {
		for i, e := range events {
			b.deliverAt(today.Add(time.Duration(i)*time.Second), e)
		}
	}
	at(7)
	apply(request())
	at(6)
	rejected, customer := apply(request())
	apply(euro)
	at(0)
	repaid, owner := apply(request())
	lent, ower := apply(euro)
	apply(request())
	day := civil.DateOf(today)
	loan := func(id, customer uuid.UUID) event.OnLoan {
		return event.OnLoan{LoanID: uuid.New(), ApplicationID: id, CustomerID: customer}
	}
	move(event.KYCRejected{OnApplication: on(rejected, customer)})
	first, second := loan(repaid, owner), loan(lent, ower)
	move(
		event.LoanActivated{OnLoan: first, Principal: rupees("19000"), BusinessDate: day},
		event.DisbursementCompleted{OnLoan: first, Amount: rupees("18600"), ValueDate: day},
		event.LoanCompleted{OnLoan: first, BusinessDate: day})
	euros := amount("1000.50", "EUR")
	move(
		event.LoanActivated{OnLoan: second, Principal: euros, BusinessDate: day},
		event.DisbursementCompleted{OnLoan: second, Amount: euros, ValueDate: day})

	got, want := boardTold{}, boardTold{Total: 6}
	b.server.As(uuid.New(), access.Admin).Get(dashboardPath).Want(http.StatusOK).Into(&got)
	want.Stages = []named{
		{"INPUT", 3},
		{"KYC_REVIEW", 0},
		{"RISK_ASSESSMENT", 0},
		{"DISCUSSION", 0},
		{"APPROVAL", 0},
		{"AGREEMENT", 0},
		{"ACTIVATION", 0},
		{"REPAYMENT", 1},
		{"CLOSED", 2},
	}
	want.Outcomes = []named{
		{"KYC_REJECTED", 1},
		{"RISK_REJECTED", 0},
		{"DECLINED", 0},
		{"EXPIRED", 0},
		{"APPROVAL_REJECTED", 0},
		{"DISBURSEMENT_FAILED", 0},
		{"REPAID", 1},
	}
	want.Amounts = []amountsTold{
		{"EUR", moneyTold{"1000.50", "EUR"}, moneyTold{"1000.50", "EUR"}, moneyTold{"0.00", "EUR"}},
		{"INR", moneyTold{"40000.00", "INR"}, moneyTold{"0.00", "INR"}, moneyTold{"19000.00", "INR"}},
	}
	want.Activity = []activityTold{
		{"INPUT", "", 3, 5},
		{"ACTIVATION", "", 2, 2},
		{"REPAYMENT", "", 2, 2},
		{"CLOSED", "KYC_REJECTED", 1, 1},
		{"CLOSED", "REPAID", 1, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dashboard (-want +got):\n%s", diff)
	}
}
