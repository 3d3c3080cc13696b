package repayment

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// fixture is the service with one active loan, on 15 January 2026.
type fixture struct {
	t        *testing.T
	db       *database.DB
	env      *app.Env
	http     *httpapitest.Server
	book     loandb.Book
	loan     uuid.UUID
	customer uuid.UUID
	partner  *httpapitest.Client
	owner    *httpapitest.Client
	officer  *httpapitest.Client
	system   *httpapitest.Client
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return fixtureOn(t, dbtest.New(t, "core"))
}

func fixtureOn(t *testing.T, db *database.DB) *fixture {
	t.Helper()
	env := httpapitest.Env(t, "core", db)
	component, err := New(env)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, db: db, env: env, http: httpapitest.New(t, component), customer: uuid.New()}
	f.book = loandbtest.OpenBook(t, db, loandbtest.Date(t, "2026-01-15"))
	f.loan = loandbtest.Active(t, db, f.book, f.customer, loandbtest.RBITerms(f.book.BusinessDate)).ID
	f.partner, f.system = f.http.As(uuid.New(), access.Partner), f.http.As(uuid.New(), access.System)
	f.owner, f.officer = f.http.As(f.customer, access.Customer), f.http.As(uuid.New(), access.Officer)
	return f
}

// startDay brings the book and the loan to the start of a business date.
func (f *fixture) startDay(text string) {
	f.t.Helper()
	day := loandbtest.Date(f.t, text)
	loandbtest.InTx(f.t, f.db, func(ctx context.Context, tx database.Tx) error {
		from, err := loandb.BusinessDate(ctx, tx, f.book.ID)
		if err != nil {
			return err
		}
		return loandb.MoveBusinessDate(ctx, tx, f.book.ID, from, day)
	})
	loan := loandbtest.Loan(f.t, f.db, f.loan)
	change, err := loan.StartDay(day)
	loandbtest.Save(f.t, f.db, change, err)
}

type amountBody struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

func rupees(amount string) amountBody { return amountBody{Amount: amount, Currency: "INR"} }

func (f *fixture) body(amount string) map[string]any {
	return map[string]any{"loan_id": f.loan, "amount": rupees(amount), "channel": "UPI", "reference": "UTR 1"}
}

type paymentAnswer struct {
	PaymentID  uuid.UUID             `json:"payment_id"`
	Status     string                `json:"status"`
	ValueDate  civil.Date            `json:"value_date"`
	Split      map[string]amountBody `json:"split"`
	LoanStatus string                `json:"loan_status"`
}

func (f *fixture) pay(client *httpapitest.Client, body map[string]any) paymentAnswer {
	f.t.Helper()
	var answer paymentAnswer
	client.Post("/api/v1/payments", body).Want(http.StatusCreated).Into(&answer)
	return answer
}

// unchanged fails the test unless fn left loan, payments and outbox alone.
func (f *fixture) unchanged(fn func()) {
	f.t.Helper()
	count := func() [3]int64 {
		var n [3]int64
		loandbtest.InTx(f.t, f.db, func(ctx context.Context, tx database.Tx) error {
			return tx.QueryRow(ctx, `
				select (select count(*) from payment), (select count(*) from outbox), (select sum(version) from loan)::bigint`).
				Scan(&n[0], &n[1], &n[2])
		})
		return n
	}
	before := count()
	fn()
	if diff := cmp.Diff(before, count()); diff != "" {
		f.t.Errorf("payments, events and facts (-before +after):\n%s", diff)
	}
}

func TestAPartnersPaymentIsPostedAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.startDay("2026-02-15")
	got := f.pay(f.partner, f.body("969.73"))
	want := paymentAnswer{
		PaymentID: got.PaymentID, Status: "POSTED", ValueDate: loandbtest.Date(t, "2026-02-15"), LoanStatus: "ACTIVE",
		Split: map[string]amountBody{
			"principal": rupees("719.73"), "interest": rupees("250.00"), "fees": rupees("0.00"),
			"penalties": rupees("0.00"), "overpaid": rupees("0.00"),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("payment (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"payment.received.v1", "payment.verified.v1"}, streamtest.Types(t, f.db)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	verified := streamtest.Last[event.PaymentVerified](t, f.db)
	if verified.Principal != loandbtest.INR(71_973) || verified.PaymentID != got.PaymentID {
		t.Errorf("event %+v", verified)
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

// Late, in part, then paid off: the published loan ends at exactly zero.
func TestLatePartialAndPayoffEndAtZero(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.startDay("2026-02-15")
	f.pay(f.partner, f.body("969.73"))
	f.startDay("2026-03-15")
	f.startDay("2026-03-16") // the second instalment is late
	f.startDay("2026-03-20")
	f.pay(f.partner, f.body("500"))
	var owed struct {
		DueNow struct {
			Total amountBody `json:"total"`
		} `json:"due_now"`
		DaysPastDue  int    `json:"days_past_due"`
		PastDueSince string `json:"past_due_since"`
		NextDue      struct {
			Number int `json:"number"`
		} `json:"next_due"`
		Payoff struct {
			Total amountBody `json:"total"`
		} `json:"payoff"`
	}
	path := "/api/v1/payments/" + f.loan.String()
	f.owner.Get(path + "/outstanding").Want(http.StatusOK).Into(&owed)
	if owed.DueNow.Total != rupees("469.73") || owed.DaysPastDue != 5 || owed.PastDueSince != "2026-03-15" ||
		owed.NextDue.Number != 3 {
		t.Errorf("outstanding %+v", owed)
	}
	f.pay(f.partner, f.body("469.73"))
	f.startDay("2026-03-30")
	var quote struct {
		Date  string     `json:"date"`
		Total amountBody `json:"total"`
	}
	f.owner.Get(path + "/payoff?date=2026-03-30").Want(http.StatusOK).Into(&quote)
	if quote.Total != rupees("18667.48") || quote.Date != "2026-03-30" {
		t.Errorf("quote %+v", quote)
	}
	payoff := f.body("18667.47")
	payoff["kind"] = "PAYOFF"
	f.unchanged(func() {
		f.partner.Post("/api/v1/payments", payoff).WantProblem(http.StatusConflict, "payoff-short")
		f.system.Post("/api/v1/loans/"+f.loan.String()+"/close", nil).WantProblem(http.StatusConflict, "loan-outstanding")
	})
	payoff["amount"] = quote.Total
	if got := f.pay(f.partner, payoff); got.LoanStatus != "CLOSED" || got.Split["overpaid"] != rupees("0.00") {
		t.Errorf("payoff %+v", got)
	}
	types := streamtest.Types(t, f.db)
	if diff := cmp.Diff([]string{
		"payment.received.v1", "payment.verified.v1", "loan.fully.repaid.v1", "loan.completed.v1",
	}, types[len(types)-4:]); diff != "" {
		t.Errorf("last events (-want +got):\n%s", diff)
	}
	loan := loandbtest.Loan(t, f.db, f.loan)
	if !loan.Outstanding().IsZero() || !loan.Receivable().IsZero() || !loan.Overpaid.IsZero() {
		t.Errorf("left: %+v, overpaid %s", loan.Outstanding(), loan.Overpaid)
	}
	loandbtest.TieOut(t, f.db, f.loan)
	f.unchanged(func() {
		f.system.Post("/api/v1/loans/"+f.loan.String()+"/close", nil).Want(http.StatusOK)
		f.partner.Post("/api/v1/payments", f.body("1")).WantProblem(http.StatusConflict, "loan-not-active")
		f.owner.Get(path+"/payoff").WantProblem(http.StatusConflict, "loan-not-active")
	})
	var closed struct {
		Payoff *struct{} `json:"payoff"`
		Status string    `json:"status"`
	}
	f.owner.Get(path + "/outstanding").Want(http.StatusOK).Into(&closed)
	if closed.Payoff != nil || closed.Status != "CLOSED" {
		t.Errorf("outstanding of the closed loan %+v", closed)
	}
}

func TestSixtyFourPostsOfOneKeyHaveOneEffect(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	client := f.partner.WithKey("pay-once").Patient()
	var wait sync.WaitGroup
	answers := make([]*httpapitest.Answer, 64)
	for i := range answers {
		wait.Go(func() { answers[i] = client.Post("/api/v1/payments", f.body("100.00")) })
	}
	wait.Wait()
	replayed := 0
	for _, answer := range answers {
		answer.Want(http.StatusCreated)
		if string(answer.Body) != string(answers[0].Body) {
			t.Errorf("answers differ: %s and %s", answer.Body, answers[0].Body)
		}
		if answer.Header.Get("Idempotency-Replayed") == "true" {
			replayed++
		}
	}
	if replayed != 63 {
		t.Errorf("%d answers are replays, want 63", replayed)
	}
	loan := loandbtest.Loan(t, f.db, f.loan)
	if got, want := loan.Outstanding().Total().Minor(), int64(2_327_358-10_000); got != want {
		t.Errorf("outstanding %d, want %d", got, want)
	}
	loandbtest.TieOut(t, f.db, f.loan)
	client.Post("/api/v1/payments", f.body("100.01")).
		WantProblem(http.StatusUnprocessableEntity, "idempotency-key-reused")
}

func TestParallelPaymentsOfOneLoanAllCount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			amount := strconv.Itoa(10 + i)
			f.partner.WithKey("k"+amount).Patient().Post("/api/v1/payments", f.body(amount)).Want(http.StatusCreated)
		})
	}
	wait.Wait()
	loan := loandbtest.Loan(t, f.db, f.loan)
	paid := int64(8*10+28) * 100
	if got, want := loan.Outstanding().Total().Minor(), 2_327_358-paid; got != want {
		t.Errorf("outstanding %d, want %d", got, want)
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

func TestPaymentsThatAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.startDay("2026-02-15")
	with := func(change func(map[string]any)) map[string]any {
		body := f.body("10")
		change(body)
		return body
	}
	set := func(key string, value any) map[string]any {
		return with(func(b map[string]any) { b[key] = value })
	}
	const invalid, malformed = "invalid-value", "validation" // by the loan, by the schema
	tests := map[string]struct {
		body        map[string]any
		slug, field string
	}{
		"other currency":   {set("amount", amountBody{"10", "USD"}), invalid, "body.amount.currency"},
		"no such currency": {set("amount", amountBody{"10", "XXX"}), malformed, "body.amount.currency"},
		"decimals":         {set("amount", rupees("10.001")), malformed, "body.amount.amount"},
		"zero":             {set("amount", rupees("0")), invalid, "body.amount.amount"},
		"negative":         {set("amount", rupees("-1")), invalid, "body.amount.amount"},
		"absurd":           {set("amount", rupees("999999999999999999")), malformed, "body.amount.amount"},
		"too much":         {set("amount", rupees("9999999999999999")), invalid, "body.amount.amount"},
		"future":           {set("value_date", "2026-02-16"), invalid, "body.value_date"},
		"early":            {set("value_date", "2026-01-14"), invalid, "body.value_date"},
		"no date":          {set("value_date", "2026-02-30"), malformed, ""},
		"kind":             {set("kind", "GIFT"), malformed, "body.kind"},
		"channel":          {set("channel", "CARRIER_PIGEON"), malformed, "body.channel"},
		"unknown field":    {set("tip", "1"), malformed, ""},
		"reference":        {set("reference", "<script>"), malformed, "body.reference"},
	}
	f.unchanged(func() {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				problem := f.partner.Post("/api/v1/payments", test.body).
					WantProblem(http.StatusUnprocessableEntity, test.slug)
				if test.field != "" {
					problem.WantField(t, test.field)
				}
			})
		}
		f.partner.Post("/api/v1/payments", set("loan_id", uuid.New())).
			WantProblem(http.StatusNotFound, "loan-not-found")
		f.partner.WithKey("-").Post("/api/v1/payments", f.body("1")).
			WantProblem(http.StatusBadRequest, "idempotency-key-missing")
		f.http.Anonymous().Post("/api/v1/payments", f.body("1")).WantProblem(http.StatusUnauthorized, "unauthenticated")
		f.http.As(uuid.New(), access.Customer).Post("/api/v1/payments", f.body("1")).
			WantProblem(http.StatusNotFound, "loan-not-found")
		for _, role := range readers {
			if role != access.System {
				f.http.As(uuid.New(), role).Post("/api/v1/payments", f.body("1")).
					WantProblem(http.StatusForbidden, "not-a-payer")
			}
		}
	})
}

func TestALoanThatIsNotPaidOutTakesNoPayment(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	pending := loandbtest.Activate(t, f.db, f.book, f.customer, loandbtest.RBITerms(f.book.BusinessDate))
	body := f.body("1")
	body["loan_id"] = pending.ID
	f.unchanged(func() {
		f.partner.Post("/api/v1/payments", body).WantProblem(http.StatusConflict, "loan-not-active")
		f.owner.Post("/api/v1/payments", body).WantProblem(http.StatusConflict, "loan-not-active")
		f.system.Post("/api/v1/loans/"+pending.ID.String()+"/close", nil).
			WantProblem(http.StatusConflict, "loan-outstanding")
	})
}

func TestOverpaymentIsOwedToTheBorrower(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	got := f.pay(f.system, f.body("25000"))
	if got.LoanStatus != "CLOSED" || got.Split["overpaid"] != rupees("1726.42") {
		t.Errorf("payment %+v", got)
	}
	if loan := loandbtest.Loan(t, f.db, f.loan); loan.Overpaid != loandbtest.INR(172_642) {
		t.Errorf("overpaid %s", loan.Overpaid)
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

func TestHistoryIsPagedNewestFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var instant sync.Mutex
	now := loandbtest.Now
	f.env.Now = func() time.Time {
		instant.Lock()
		defer instant.Unlock()
		now = now.Add(time.Second)
		return now
	}
	var want []uuid.UUID
	for i := range 5 {
		want = append([]uuid.UUID{f.pay(f.partner, f.body(strconv.Itoa(i+1))).PaymentID}, want...)
	}
	var got []uuid.UUID
	cursor := ""
	for range 4 {
		var page struct {
			Payments   []paymentAnswer `json:"payments"`
			NextCursor string          `json:"next_cursor"`
		}
		f.owner.Get(fmt.Sprintf("/api/v1/payments/%s/history?limit=2%s", f.loan, cursor)).Want(http.StatusOK).Into(&page)
		for _, p := range page.Payments {
			got = append(got, p.PaymentID)
		}
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	f.owner.Get("/api/v1/payments/"+f.loan.String()+"/history?cursor=nonsense").
		WantProblem(http.StatusUnprocessableEntity, "validation")
}

func TestWhoMayReadAboutALoan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, what := range []string{"history", "outstanding", "payoff"} {
		path := "/api/v1/payments/" + f.loan.String() + "/" + what
		f.owner.Get(path).Want(http.StatusOK)
		f.http.As(uuid.New(), access.Customer).Get(path).WantProblem(http.StatusNotFound, "loan-not-found")
		f.partner.Get(path).WantProblem(http.StatusNotFound, "loan-not-found")
		f.http.Anonymous().Get(path).WantProblem(http.StatusUnauthorized, "unauthenticated")
		for _, role := range readers {
			f.http.As(uuid.New(), role).Get(path).Want(http.StatusOK)
		}
	}
	path := "/api/v1/payments/" + f.loan.String() + "/payoff?date="
	for _, day := range []string{"2026-01-14", "2027-01-17"} {
		f.owner.Get(path+day).WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "query.date")
	}
	f.owner.Get(path + "2027-01-16").Want(http.StatusOK)
	f.owner.Get(path+"2027-13-16").WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "query.date")
	quote := "/api/v1/payments/" + f.loan.String() + "/prepayment?amount="
	for _, amount := range []string{"0.00", "0.001", "99999999999999999"} {
		f.owner.Get(quote+amount).WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "query.amount")
	}
	f.owner.Get("/api/v1/payments/x/outstanding").WantProblem(http.StatusUnprocessableEntity, "validation").
		WantField(t, "path.loanId")
	for _, role := range access.Roles {
		if role != access.System {
			f.http.As(f.customer, role).Post("/api/v1/loans/"+f.loan.String()+"/close", nil).
				WantProblem(http.StatusForbidden, "forbidden")
		}
	}
}
