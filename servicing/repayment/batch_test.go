package repayment

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

const batchPath = "/api/v1/payments/batch"

type batchAnswer struct {
	Posted, Replayed, Rejected int
	Results                    []struct {
		Key     string               `json:"idempotency_key"`
		Status  string               `json:"status"`
		Payment *paymentAnswer       `json:"payment"`
		Problem *httpapitest.Problem `json:"problem"`
	}
}

// item is a payment of a batch; change alters it.
func (f *fixture) item(key, amount string, change ...func(map[string]any)) map[string]any {
	body := f.body(amount)
	body["idempotency_key"] = key
	for _, c := range change {
		c(body)
	}
	return body
}

func (f *fixture) batch(items ...map[string]any) batchAnswer {
	f.t.Helper()
	var answer batchAnswer
	f.partner.Post(batchPath, map[string]any{"payments": items}).Want(http.StatusOK).Into(&answer)
	if len(answer.Results) != len(items) {
		f.t.Fatalf("%d results of %d payments", len(answer.Results), len(items))
	}
	for i, r := range answer.Results {
		if r.Key != items[i]["idempotency_key"] {
			f.t.Fatalf("result %d is of %s", i, r.Key)
		}
	}
	return answer
}

// Good and bad payments of a batch stand beside each other: each has the answer
// that it would have alone, and the good ones are posted in their order.
func TestABatchAnswersEachPayment(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	set := func(field string, value any) func(map[string]any) { return func(m map[string]any) { m[field] = value } }
	single := f.pay(f.partner.WithKey("single"), f.body("1.00"))
	answer := f.batch(
		f.item("a", "100.00"),
		f.item("usd", "1.00", set("amount", amountBody{"1.00", "USD"})),
		f.item("single", "1.00"),
		f.item("single", "2.00"),
		f.item("zero", "0.00"),
		f.item("nobody", "1.00", set("loan_id", uuid.New())),
		f.item("future", "1.00", set("value_date", "2027-01-01")),
		f.item("a", "100.00"),
		f.item("off", "1.00", set("kind", "PAYOFF")),
		f.item("b", "200.00"),
	)
	want := []string{
		"", "invalid-value", "", "idempotency-key-reused", "invalid-value", "loan-not-found", "invalid-value",
		"", "payoff-short", "",
	}
	status := []string{
		"POSTED", "REJECTED", "REPLAYED", "REJECTED", "REJECTED", "REJECTED", "REJECTED", "REPLAYED",
		"REJECTED", "POSTED",
	}
	for i, r := range answer.Results {
		problem := ""
		if r.Problem != nil {
			problem = r.Problem.Type[len("urn:tenor:problem:"):]
		}
		if r.Status != status[i] || problem != want[i] || (r.Payment == nil) != (want[i] != "") {
			t.Errorf("payment %d: %s %s, want %s %s", i, r.Status, problem, status[i], want[i])
		}
	}
	if answer.Posted != 2 || answer.Replayed != 2 || answer.Rejected != 6 {
		t.Errorf("posted %d, replayed %d, rejected %d", answer.Posted, answer.Replayed, answer.Rejected)
	}
	if diff := cmp.Diff(&single, answer.Results[2].Payment); diff != "" {
		t.Errorf("the key of the single payment (-single +batch):\n%s", diff)
	}
	if diff := cmp.Diff(answer.Results[0].Payment, answer.Results[7].Payment); diff != "" {
		t.Errorf("the same key twice:\n%s", diff)
	}
	loan := loandbtest.Loan(t, f.db, f.loan)
	if got := loan.Outstanding().Total().Minor(); got != 2_327_358-30_100 {
		t.Errorf("outstanding %d", got)
	}
	if got := len(streamtest.Types(t, f.db)); got != 6 {
		t.Errorf("%d events of three payments", got)
	}
	loandbtest.TieOut(t, f.db, f.loan)
	f.unchanged(func() {
		again := f.batch(f.item("a", "100.00"), f.item("b", "200.00"))
		if again.Replayed != 2 || again.Posted != 0 {
			t.Errorf("again: %+v", again)
		}
	})
}

// Payments of one loan in a batch meet the loan as the ones before leave it.
func TestABatchPaysALoanOff(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var items []map[string]any
	for i := range 23 {
		items = append(items, f.item(fmt.Sprint(i), "1000.00"))
	}
	answer := f.batch(append(items, f.item("rest", "273.58"), f.item("more", "1.00"))...)
	last := answer.Results[23].Payment
	if answer.Posted != 24 || last == nil || last.LoanStatus != "CLOSED" {
		t.Fatalf("posted %d, the last one is %+v", answer.Posted, last)
	}
	if problem := answer.Results[24].Problem; problem == nil || problem.Status != http.StatusConflict {
		t.Errorf("a payment of a closed loan: %+v", answer.Results[24])
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

func TestBatchesThatAreNoBatches(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	post := func(items any) *httpapitest.Answer {
		return f.partner.Post(batchPath, map[string]any{"payments": items})
	}
	f.unchanged(func() {
		post([]any{}).WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body.payments")
		post([]any{f.item("", "1.00")}).WantProblem(http.StatusUnprocessableEntity, "validation").
			WantField(t, "body.payments[0].idempotency_key")
		post([]any{f.item("a", "1.00"), f.item("b", "1.001")}).WantProblem(http.StatusUnprocessableEntity, "validation").
			WantField(t, "body.payments[1].amount.amount")
		missing := f.item("c", "1.00")
		delete(missing, "channel")
		post([]any{missing}).WantProblem(http.StatusUnprocessableEntity, "validation").
			WantField(t, "body.payments[0].channel")
		for _, client := range []*httpapitest.Client{f.owner, f.officer} {
			client.Post(batchPath, map[string]any{"payments": []any{f.item("d", "1.00")}}).
				WantProblem(http.StatusForbidden, "forbidden")
		}
	})
}

// Many clients send the same payment at once: it is posted once, and all the
// others get the same answer.
func TestOfSixtyFourPostsOfOneKeyOneHasAnEffect(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const clients = 64
	partner := f.partner.WithKey("the one").Patient()
	answers := make([]*httpapitest.Answer, clients)
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() { answers[i] = partner.Post("/api/v1/payments", f.body("969.73")) })
	}
	wait.Wait()
	first := 0
	for _, answer := range answers {
		answer.Want(http.StatusCreated)
		if answer.Header.Get("Idempotency-Replayed") == "" {
			first++
		}
		if diff := cmp.Diff(string(answers[0].Body), string(answer.Body)); diff != "" {
			t.Errorf("another answer:\n%s", diff)
		}
	}
	if first != 1 {
		t.Errorf("%d answers say that they are the first", first)
	}
	if got := len(streamtest.Types(t, f.db)); got != 2 {
		t.Errorf("%d events of one payment", got)
	}
	loan := loandbtest.Loan(t, f.db, f.loan)
	if got := loan.Outstanding().Total().Minor(); got != 2_327_358-96_973 {
		t.Errorf("outstanding %d", got)
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

// Another partner's same key is another payment.
func TestKeysBelongToTheirPartner(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	other := f.http.As(uuid.New(), access.Partner)
	one := f.pay(f.partner.WithKey("k"), f.body("10.00"))
	two := f.pay(other.WithKey("k"), f.body("10.00"))
	if one.PaymentID == two.PaymentID {
		t.Error("two partners got one payment")
	}
}
