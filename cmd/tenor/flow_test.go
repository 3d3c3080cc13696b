package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/journey"
)

// TestLifecycle drives the whole platform through the gateway: the story of
// the demonstration with all its figures, and beside it every way in which an
// application can end early, each step out of order, and bad input.
//
//nolint:paralleltest // a whole platform: one at a time, and its cases share one book
func TestLifecycle(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), flowTimeout)
	defer cancel()
	p, staff := startTestPlatform(t)
	// The story moves the business date of the one book: the cases whose offers
	// must still be open run first.
	t.Run("declined", func(t *testing.T) { testDeclined(ctx, t, p, staff) })
	t.Run("rejected in KYC", func(t *testing.T) { testKYCRejected(ctx, t, p, staff) })
	t.Run("rejected by risk", func(t *testing.T) { testRiskRejected(ctx, t, p, staff) })
	for _, level := range []string{journey.LevelInternal, journey.LevelManagement, journey.LevelFinal} {
		t.Run("rejected at level "+level, func(t *testing.T) { testApprovalRejected(ctx, t, p, staff, level) })
	}
	t.Run("steps out of order", func(t *testing.T) { testOutOfOrder(ctx, t, p, staff) })
	t.Run("bad input", func(t *testing.T) { testBadInput(ctx, t, p, staff) })
	t.Run("one key, one effect", func(t *testing.T) { testOneKeyOneEffect(ctx, t, p, staff) })
	t.Run("the story", func(t *testing.T) {
		d := &demo{s: newStory(testWriter{t}), p: p, staff: staff, out: t.TempDir()}
		must(t, d.tell(ctx))
		must(t, d.s.end())
		wantProduct(ctx, t, d)
	})
	t.Run("expired", func(t *testing.T) { testExpired(ctx, t, p, staff) })
	t.Run("a late fee", func(t *testing.T) { testLateFee(ctx, t, p, staff) })
}

// wantProduct wants that the loan is serviced by what was applied for: the code
// has come all the way from the application.
func wantProduct(ctx context.Context, t *testing.T, d *demo) {
	t.Helper()
	var applied struct {
		Product string `json:"product"`
	}
	var account struct {
		Product struct {
			Code    string `json:"code"`
			Version int64  `json:"version"`
		} `json:"product"`
	}
	must(t, d.asha.Client.Get(ctx, "/api/v1/applications/"+d.ashaCase, &applied))
	must(t, d.asha.Client.Get(ctx, "/api/v1/activation/"+d.loan+"/account", &account))
	if got := account.Product; got.Code != applied.Product || got.Code == "" || got.Version != 0 {
		t.Errorf("the loan is serviced by %+v, applied for was %q", got, applied.Product)
	}
}

// testWriter sends the story to the test's log.
type testWriter struct{ t *testing.T }

// Write implements io.Writer.
func (w testWriter) Write(data []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(data)))
	return len(data), nil
}

func wantClosed(ctx context.Context, t *testing.T, b *journey.Borrower, id, outcome string) {
	t.Helper()
	found, err := journey.WaitStage(ctx, b.Client, id, "CLOSED")
	must(t, err)
	if found.Outcome != outcome {
		t.Errorf("closed as %s, want %s", found.Outcome, outcome)
	}
}

// atOffer brings a new case to an open offer.
func atOffer(
	ctx context.Context, t *testing.T, p *platform, staff *journey.Staff, name string,
) (*journey.Borrower, string, journey.Offer) {
	t.Helper()
	b, id := borrowerWithCase(ctx, t, p, name)
	must(t, staff.ReviewKYC(ctx, id, true))
	must(t, staff.DecideRisk(ctx, id, true, rupees("20000.00")))
	offer, err := staff.Offer(ctx, id, illustrationTerms())
	must(t, err)
	return b, id, offer
}

func testDeclined(ctx context.Context, t *testing.T, p *platform, staff *journey.Staff) {
	b, id, offer := atOffer(ctx, t, p, staff, "Bela Shah")
	must(t, b.Decline(ctx, id, "NO_LONGER_NEEDED"))
	wantClosed(ctx, t, b, id, "DECLINED")
	err := b.Client.Post(ctx, "/api/v1/discussion/"+id+"/accept",
		map[string]string{"offer_id": offer.ID, "schedule_hash": offer.ScheduleHash}, nil)
	wantProblem(t, err, http.StatusConflict)
}

func testKYCRejected(ctx context.Context, t *testing.T, p *platform, staff *journey.Staff) {
	b, id := borrowerWithCase(ctx, t, p, "Chandra Sen")
	must(t, staff.ReviewKYC(ctx, id, false))
	wantClosed(ctx, t, b, id, "KYC_REJECTED")
}

func testRiskRejected(ctx context.Context, t *testing.T, p *platform, staff *journey.Staff) {
	b, id := borrowerWithCase(ctx, t, p, "Deepa Iyer")
	must(t, staff.ReviewKYC(ctx, id, true))
	must(t, staff.DecideRisk(ctx, id, false, journey.Money{}))
	wantClosed(ctx, t, b, id, "RISK_REJECTED")
}

func testApprovalRejected(ctx context.Context, t *testing.T, p *platform, staff *journey.Staff, level string) {
	b, id, offer := atOffer(ctx, t, p, staff, "Esha Nair")
	must(t, b.Accept(ctx, id, offer))
	for _, at := range []string{journey.LevelInternal, journey.LevelManagement, journey.LevelFinal} {
		must(t, staff.Approve(ctx, id, at, at != level))
		if at == level {
			break
		}
	}
	wantClosed(ctx, t, b, id, "APPROVAL_REJECTED")
}

func testExpired(ctx context.Context, t *testing.T, p *platform, staff *journey.Staff) {
	b, id, offer := atOffer(ctx, t, p, staff, "Farah Khan")
	until, err := civil.ParseDate(offer.ValidUntil)
	must(t, err)
	var run struct {
		Status string `json:"status"`
	}
	must(t, staff.System.Post(ctx, "/api/v1/close-of-day/runs", map[string]string{"through": until.String()}, &run))
	wantClosed(ctx, t, b, id, "EXPIRED")
}

func wantProblem(t *testing.T, err error, status int, words ...string) {
	t.Helper()
	if client.Status(err) != status {
		t.Errorf("%v, want status %d", err, status)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %s", err, word)
		}
	}
}

// testOutOfOrder asks for steps whose turn has not come: each is a conflict
// that names where the application stands.
func testOutOfOrder(ctx context.Context, t *testing.T, p *platform, staff *journey.Staff) {
	b, id := borrowerWithCase(ctx, t, p, "Gita Das")
	approve := map[string]string{"decision": "APPROVE", "comment": "too early"}
	steps := []struct {
		who  *client.Client
		path string
		body any
	}{
		{staff.Internal, "/api/v1/approval/" + id + "/internal", approve},
		{staff.CreditHead, "/api/v1/approval/" + id + "/final", approve},
		{staff.Officer, "/api/v1/discussion/" + id + "/offer", illustrationTerms()},
		{b.Client, "/api/v1/discussion/" + id + "/decline", map[string]string{"reason": "OTHER"}},
		{
			staff.RiskManager, "/api/v1/risk/" + id + "/decision",
			map[string]any{"decision": "APPROVE", "max_amount": rupees("20000.00")},
		},
		{staff.System, "/api/v1/agreement/" + id + "/generate", nil},
		{b.Client, "/api/v1/agreement/" + id + "/esign/code", nil},
		{staff.System, "/api/v1/activation/" + id + "/trigger", nil},
	}
	for _, step := range steps {
		var err error
		must(t, client.Until(ctx, step.path, func() (bool, error) { // until the service has heard of the stage
			err = step.who.Post(ctx, step.path, step.body, nil)
			behind := client.Status(err) == http.StatusNotFound ||
				client.Status(err) == http.StatusConflict && strings.Contains(err.Error(), "it is at INPUT")
			return !behind, nil
		}))
		wantProblem(t, err, http.StatusConflict, "KYC_REVIEW")
	}
	found, err := journey.WaitStage(ctx, b.Client, id, "KYC_REVIEW")
	must(t, err)
	if found.Outcome != "" {
		t.Errorf("a refused step left outcome %s", found.Outcome)
	}
}

func testBadInput(ctx context.Context, t *testing.T, p *platform, _ *journey.Staff) {
	b, err := journey.Register(ctx, p.client, "Hema Jain")
	must(t, err)
	for name, change := range map[string]func(*journey.Application){
		"amount":              func(a *journey.Application) { a.Amount.Amount = "-1.00" },
		"amount.currency":     func(a *journey.Application) { a.Amount.Currency = "XQX" },
		"amount.amount":       func(a *journey.Application) { a.Amount.Amount = "1.005" },
		"instalments":         func(a *journey.Application) { a.Instalments = 10_001 },
		"product":             func(a *journey.Application) { a.Product = "GIFT" },
		"monthly_income":      func(a *journey.Application) { a.Income.Amount = "99999999999999999999" },
		"monthly_obligations": func(a *journey.Application) { a.Obligations.Currency = "EUR" },
		"purpose":             func(a *journey.Application) { a.Purpose = "" },
	} {
		a := illustrationApplication()
		change(&a)
		_, err := b.Apply(ctx, a)
		wantProblem(t, err, http.StatusUnprocessableEntity, name)
	}
	err = b.Client.Post(ctx, "/api/v1/applications", map[string]any{"role": "ADMIN"}, nil)
	wantProblem(t, err, http.StatusUnprocessableEntity, "role")
	_, err = journey.OutstandingOf(ctx, b.Client, uuid.NewString())
	wantProblem(t, err, http.StatusNotFound)
	wantProblem(t, p.client.As("forged.token.here").Get(ctx, "/api/v1/notifications/inbox", nil), http.StatusUnauthorized)
	wantProblem(t, p.client.Get(ctx, "/api/v1/nowhere", nil), http.StatusNotFound)
}

// testOneKeyOneEffect sends one payment many times at once with one key.
func testOneKeyOneEffect(ctx context.Context, t *testing.T, p *platform, staff *journey.Staff) {
	b, id := borrowerWithCase(ctx, t, p, "Indu Roy")
	loan, err := journey.Originate(ctx, staff, b, id, illustrationTerms())
	must(t, err)
	const callers = 32
	key := uuid.NewString()
	answers, errs := make([]journey.Payment, callers), make([]error, callers)
	var wait sync.WaitGroup
	for i := range callers {
		wait.Go(func() {
			errs[i] = staff.Partner.Do(ctx, http.MethodPost, "/api/v1/payments", key, map[string]any{
				"loan_id": loan, "amount": rupees("100.00"), "channel": "CASH",
			}, &answers[i])
		})
	}
	wait.Wait()
	ids := make(map[string]bool)
	for i := range callers {
		must(t, errs[i])
		ids[answers[i].ID+answers[i].Status] = true
	}
	payments, err := journey.History(ctx, b.Client, loan)
	must(t, err)
	if len(ids) != 1 || len(payments) != 1 {
		t.Errorf("%d different answers and %d payments, want one of each", len(ids), len(payments))
	}
	err = staff.Partner.Do(ctx, http.MethodPost, "/api/v1/payments", key, map[string]any{
		"loan_id": loan, "amount": rupees("200.00"), "channel": "CASH",
	}, nil)
	wantProblem(t, err, http.StatusUnprocessableEntity, "idempotency")
	if !slices.Contains([]string{"POSTED"}, payments[0].Status) {
		t.Error(fmt.Sprint("payment is ", payments[0].Status))
	}
}
