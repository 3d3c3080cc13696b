package closeofday

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

func (f *fixture) exec(sql string, args ...any) {
	f.t.Helper()
	loandbtest.InTx(f.t, f.db, func(ctx context.Context, tx database.Tx) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
}

type parkedList struct {
	Items []struct {
		LoanID uuid.UUID `json:"loan_id"`
		RunID  uuid.UUID `json:"run_id"`
		Day    string    `json:"day"`
		Reason string    `json:"reason"`
	} `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func (f *fixture) parked(query string) parkedList {
	f.t.Helper()
	var list parkedList
	f.finance.Get("/api/v1/close-of-day/parked" + query).Want(http.StatusOK).Into(&list)
	return list
}

// Loans whose stored state cannot be read are parked, each with its reason; the
// others go on. Mended, they are brought to the day that is open by then.
func TestAFailingLoanIsParkedAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var good, bad []uuid.UUID
	states := map[uuid.UUID][]byte{}
	for i := range 40 {
		id := f.loan()
		if i%10 != 3 {
			good = append(good, id)
			continue
		}
		bad = append(bad, id)
		loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
			var state []byte
			err := tx.QueryRow(ctx, `select state from loan where id = $1`, id).Scan(&state)
			states[id] = state
			return err
		})
		f.exec(`update loan set state = 'broken' where id = $1`, id)
	}
	got := f.closeThrough("2026-02-15")
	if got.Status != "DONE" || got.LoansParked != int64(len(bad)) || got.LoansOverdue != int64(len(good)) {
		t.Errorf("run %+v", got)
	}
	if date := f.businessDate(); date != "2026-02-16" {
		t.Errorf("business date %s", date)
	}
	first := f.parked("?limit=3")
	rest := f.parked("?cursor=" + first.NextCursor)
	items := append(first.Items, rest.Items...)
	if len(first.Items) != 3 || len(items) != len(bad) || rest.NextCursor != "" {
		t.Fatalf("parked: %+v, then %+v", first, rest)
	}
	for _, item := range items {
		if states[item.LoanID] == nil || item.RunID != got.RunID || item.Day != "2026-02-15" || item.Reason == "" {
			t.Errorf("parked %+v", item)
		}
	}
	retry := func(id uuid.UUID) string { return "/api/v1/close-of-day/parked/" + id.String() + "/retry" }
	f.finance.Post(retry(bad[0]), struct{}{}).WantProblem(http.StatusConflict, "loan-still-parked")
	f.finance.Post(retry(good[0]), struct{}{}).WantProblem(http.StatusNotFound, "loan-not-parked")
	f.http.As(uuid.New(), access.Officer).Post(retry(bad[0]), struct{}{}).WantProblem(http.StatusForbidden, "forbidden")
	for _, id := range bad {
		f.exec(`update loan set state = $2 where id = $1`, id, states[id])
		f.finance.Post(retry(id), struct{}{}).Want(http.StatusOK)
	}
	if left := f.parked(""); len(left.Items) != 0 {
		t.Errorf("still parked: %+v", left)
	}
	if diff := compareHistories(f.history(good[0]), f.history(bad[0])); diff != "" {
		t.Errorf("a loan that was parked has another history: %s", diff)
	}
	loandbtest.TieOut(t, f.db, append(good, bad...)...)
}

func compareHistories(want, got []string) string {
	if strings.Join(want, "\n") == strings.Join(got, "\n") {
		return ""
	}
	return strings.Join(got, "; ") + " instead of " + strings.Join(want, "; ")
}

// A parked loan that something changes is looked at by the next run.
func TestAParkedLoanComesBackWhenItChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.loan()
	var state []byte
	loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
		return tx.QueryRow(ctx, `select state from loan where id = $1`, id).Scan(&state)
	})
	f.exec(`update loan set state = 'broken' where id = $1`, id)
	f.closeThrough("2026-02-15")
	f.exec(`update loan set state = $2 where id = $1`, id, state)
	if !f.payOne(id) {
		t.Fatal("a payment was not taken")
	}
	if left := f.parked(""); len(left.Items) != 0 {
		t.Errorf("parked after the payment: %+v", left)
	}
	if got := f.closeThrough("2026-03-15"); got.Status != "DONE" || got.LoansParked != 0 || got.LoansOverdue != 1 {
		t.Errorf("run %+v", got)
	}
	if left := f.parked(""); len(left.Items) != 0 {
		t.Errorf("still parked: %+v", left)
	}
	loandbtest.TieOut(t, f.db, id)
}

// A worker finds a loan at fault and is stopped before it parks it. Meanwhile its
// share is taken, and the loan is mended and brought to the day. It must not be
// parked then: nobody would look at it again.
func TestAWorkerThatLostItsShareParksNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.loan()
	f.closeThrough("2026-02-13")
	r := f.order("2026-02-14")
	ctx := t.Context()
	slow := f.another()
	held, taken, _, err := slow.take(ctx, r.RunID)
	if err != nil || !taken {
		t.Fatalf("share: %v, %v", taken, err)
	}
	f.exec(`update loan set state = 'x' || state where id = $1`, id)
	due, day, fault := slow.chunk(ctx, &held, loandb.Attention{})
	if len(due) != 1 || fault == nil {
		t.Fatalf("%d loans, %v; want one at fault", len(due), fault)
	}
	f.exec(`update loan set state = substring(state from 2) where id = $1`, id)
	f.pass(leaseTime)
	if err := f.service.work(ctx); err != nil {
		t.Fatal(err)
	}
	if err := slow.sift(ctx, &held, day, due, fault); !errors.Is(err, errShareLost) {
		t.Errorf("the slow worker: %v", err)
	}
	if got := f.run(r.RunID); got.Status != "DONE" || got.LoansParked != 0 {
		t.Errorf("run %+v", got)
	}
	if list := f.parked(""); len(list.Items) != 0 {
		t.Errorf("parked: %+v", list)
	}
	if got := f.closeThrough("2026-02-15"); got.LoansOverdue != 1 {
		t.Errorf("the loan was passed over afterwards: %+v", got)
	}
}

// When the books are closed for the next day no loan is at fault: the run says
// why it cannot go on, and parks none.
func TestAClosedPeriodParksNoLoan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 3 {
		f.loan()
	}
	loandbtest.ClosePeriod(t, f.db, loandbtest.Date(t, "2026-02-20"))
	got := f.closeThrough("2026-02-28")
	if got.Status != "FAILED" || got.LoansParked != 0 || !strings.Contains(got.Reason, "2026-02-20") {
		t.Errorf("run %+v", got)
	}
	if list := f.parked(""); len(list.Items) != 0 {
		t.Errorf("%d loans are parked", len(list.Items))
	}
}
