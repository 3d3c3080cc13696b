package closeofday

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// fixture is the service on 15 January 2026, with a clock that tests move.
type fixture struct {
	t       *testing.T
	db      *database.DB
	env     *app.Env
	service *Service
	book    loandb.Book
	http    *httpapitest.Server
	finance *httpapitest.Client
	mu      sync.Mutex
	now     time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return fixtureOn(t, dbtest.New(t, "core"))
}

func fixtureOn(t *testing.T, db *database.DB) *fixture {
	t.Helper()
	f := &fixture{t: t, db: db, env: httpapitest.Env(t, "core", db), now: loandbtest.Now}
	f.env.Now = func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.now
	}
	f.service = f.another()
	if err := f.service.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	book, err := f.service.Book(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	f.book = book
	f.http = httpapitest.New(t, &app.Component{Routes: f.service.routes})
	f.finance = f.http.As(uuid.New(), access.Finance)
	return f
}

// another is the service as a second process has it.
func (f *fixture) another() *Service {
	f.t.Helper()
	s, err := newService(f.env)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fixture) loan() uuid.UUID {
	f.t.Helper()
	return loandbtest.Active(f.t, f.db, f.book, uuid.New(), loandbtest.RBITerms(f.book.BusinessDate)).ID
}

type runBody struct {
	RunID        uuid.UUID `json:"run_id"`
	Status       string    `json:"status"`
	ClosedDays   int64     `json:"closed_days"`
	TotalDays    int64     `json:"total_days"`
	Percent      int64     `json:"percent"`
	LoansDone    int64     `json:"loans_done"`
	LoansOverdue int64     `json:"loans_overdue"`
	LoansParked  int64     `json:"loans_parked"`
	TiedOut      string    `json:"tied_out"`
	Reason       string    `json:"reason"`
}

func (f *fixture) order(through string) runBody {
	f.t.Helper()
	var r runBody
	f.finance.Post("/api/v1/close-of-day/runs", map[string]string{"through": through}).Want(http.StatusAccepted).Into(&r)
	return r
}

func (f *fixture) run(id uuid.UUID) runBody {
	f.t.Helper()
	var r runBody
	f.finance.Get("/api/v1/close-of-day/runs/" + id.String()).Want(http.StatusOK).Into(&r)
	return r
}

// closeThrough orders a run and carries it out.
func (f *fixture) closeThrough(through string) runBody {
	f.t.Helper()
	r := f.order(through)
	if err := f.service.work(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	return f.run(r.RunID)
}

func (f *fixture) businessDate() string {
	f.t.Helper()
	var book struct {
		BusinessDate string `json:"business_date"`
	}
	f.finance.Get("/api/v1/close-of-day/book").Want(http.StatusOK).Into(&book)
	return book.BusinessDate
}

func TestADayIsClosedAndOverdueIsSaidOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	loanID := f.loan()
	got := f.closeThrough("2026-02-14")
	want := runBody{
		RunID: got.RunID, Status: "DONE", ClosedDays: 31, TotalDays: 31, Percent: 100, LoansDone: 1, TiedOut: "AGREES",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("through the day before it is due (-want +got):\n%s", diff)
	}
	if date := f.businessDate(); date != "2026-02-15" {
		t.Errorf("business date %s", date)
	}
	loan := loandbtest.Loan(t, f.db, loanID)
	if due := loan.Receivable().Interest; due != loandbtest.INR(25_000) {
		t.Errorf("interest receivable on the due date %s", due)
	}
	got = f.closeThrough("2026-02-15")
	want = runBody{
		RunID: got.RunID, Status: "DONE", ClosedDays: 1, TotalDays: 1, Percent: 100, LoansDone: 1, LoansOverdue: 1,
		TiedOut: "AGREES",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("through the due date (-want +got):\n%s", diff)
	}
	f.closeThrough("2026-02-20")
	var overdue []event.PaymentOverdue
	for _, env := range streamtest.Announced(t, f.db) {
		if e, err := event.Decode[event.PaymentOverdue](env); err == nil {
			overdue = append(overdue, e)
		}
	}
	wantOverdue := []event.PaymentOverdue{{
		OnLoan: loandb.OnLoan(&loan), Instalment: 1, DueDate: loandbtest.Date(t, "2026-02-15"),
		AmountOverdue: loandbtest.INR(96_973), DaysPastDue: 1,
	}}
	if diff := cmp.Diff(wantOverdue, overdue); diff != "" {
		t.Errorf("overdue events (-want +got):\n%s", diff)
	}
	closed := streamtest.Last[event.BusinessDayClosed](t, f.db)
	if closed.Next != loandbtest.Date(t, "2026-02-21") || closed.Closed != loandbtest.Date(t, "2026-02-20") {
		t.Errorf("last day closed %+v", closed)
	}
	loan = loandbtest.Loan(t, f.db, loanID)
	if got := loan.DaysPastDue(loandbtest.Date(t, "2026-02-21")); got != 6 {
		t.Errorf("%d days past due, want 6", got)
	}
	loandbtest.TieOut(t, f.db, loanID)
}

func TestADayThatIsClosedIsLeftAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.closeThrough("2026-01-20")
	before := streamtest.Types(t, f.db)
	got := f.closeThrough("2026-01-20")
	if got.Status != "NOTHING_TO_DO" || got.Reason == "" || got.ClosedDays != 0 {
		t.Errorf("again: %+v", got)
	}
	if diff := cmp.Diff(before, streamtest.Types(t, f.db)); diff != "" {
		t.Errorf("events (-before +after):\n%s", diff)
	}
	if date := f.businessDate(); date != "2026-01-21" {
		t.Errorf("business date %s", date)
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	far := map[string]string{"through": "2036-01-23"}
	f.finance.Post("/api/v1/close-of-day/runs", far).WantProblem(http.StatusUnprocessableEntity, "invalid-value").
		WantField(t, "body.through")
	f.finance.Post("/api/v1/close-of-day/runs", map[string]string{"through": "2036-01-22"}).Want(http.StatusAccepted)
	f.finance.Post("/api/v1/close-of-day/runs", map[string]string{"through": "2026-02-30"}).
		Want(http.StatusUnprocessableEntity)
	f.finance.Post("/api/v1/close-of-day/runs", map[string]string{}).Want(http.StatusUnprocessableEntity)
	f.finance.Get("/api/v1/close-of-day/runs/"+uuid.NewString()).WantProblem(http.StatusNotFound, "run-not-found")
	for _, role := range access.Roles {
		client := f.http.As(uuid.New(), role)
		if role != access.System && role != access.Finance {
			client.Post("/api/v1/close-of-day/runs", map[string]string{"through": "2026-01-15"}).
				WantProblem(http.StatusForbidden, "forbidden")
			client.Get("/api/v1/close-of-day/runs/"+uuid.NewString()).WantProblem(http.StatusForbidden, "forbidden")
		}
		if role == access.Customer {
			client.Get("/api/v1/close-of-day/book").WantProblem(http.StatusForbidden, "forbidden")
		} else {
			client.Get("/api/v1/close-of-day/book").Want(http.StatusOK)
		}
	}
}

func TestTwoYearsAreCaughtUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.loan()
	started := time.Now()
	got := f.closeThrough("2028-01-31")
	t.Logf("closing 747 days with one loan took %s", time.Since(started))
	want := runBody{
		RunID: got.RunID, Status: "DONE", ClosedDays: 747, TotalDays: 747, Percent: 100, LoansDone: 48, LoansOverdue: 24,
		TiedOut: "AGREES",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
	loan := loandbtest.Loan(t, f.db, id)
	if got := loan.DaysPastDue(loandbtest.Date(t, "2028-02-01")); got != 716 {
		t.Errorf("%d days past due, want 716", got)
	}
	loandbtest.TieOut(t, f.db, id)
}

func TestMoreLoansThanAChunk(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	terms := amortization.Terms{
		Principal: loandbtest.INR(10_000), AnnualRatePercent: amortization.MustDecimal("12"), Instalments: 1,
		DisbursementDate: f.book.BusinessDate,
	}
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	const count = ChunkMax + 7
	var changes []servicing.Change
	for range count {
		change, err := servicing.Activate(servicing.Activation{
			LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: f.book.ID,
			DisbursementID: uuid.New(), Terms: terms, ScheduleHash: schedule.Hash(), On: f.book.BusinessDate,
		})
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, change)
	}
	save := func() {
		loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
			return loandb.Save(ctx, tx, loandbtest.Now, "test", changes...)
		})
	}
	save()
	for i := range changes {
		loan := changes[i].Loan
		changes[i], err = loan.CompleteDisbursement(loan.Disbursement.ID, "bank", f.book.BusinessDate)
		if err != nil {
			t.Fatal(err)
		}
	}
	save()
	got := f.closeThrough("2026-02-15")
	if got.LoansDone != 2*count || got.LoansOverdue != count || got.Status != "DONE" {
		t.Errorf("run %+v", got)
	}
	loandbtest.TieOut(t, f.db, changes[0].Loan.ID, changes[count-1].Loan.ID)
}

func TestSchedulersOrderARunOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pass(72 * time.Hour) // two days were missed
	var wait sync.WaitGroup
	for range 4 {
		other := f.another()
		wait.Go(func() {
			if err := other.closeYesterday(context.Background()); err != nil {
				t.Errorf("schedule: %v", err)
			}
		})
	}
	wait.Wait()
	if err := f.service.work(context.Background()); err != nil {
		t.Fatal(err)
	}
	if date := f.businessDate(); date != "2026-01-18" {
		t.Errorf("business date %s, want today's", date)
	}
	var runs int
	loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
		return tx.QueryRow(ctx, `select count(*) from close_of_day_run`).Scan(&runs)
	})
	if runs != 1 {
		t.Errorf("%d runs were ordered, want 1", runs)
	}
}

func TestACronLineIsCheckedAtStart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.env.Config.CloseOfDay.Cron = "every now and then"
	if _, err := New(f.env); err == nil {
		t.Error("a malformed cron line was accepted")
	}
	f.env.Config.CloseOfDay.Cron = "5 0 * * *"
	component, err := New(f.env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for _, task := range component.Tasks {
		wait.Go(func() {
			if err := task.Run(ctx); err != nil {
				t.Errorf("%s: %v", task.Name, err)
			}
		})
	}
	r := f.order("2026-01-15")
	for f.run(r.RunID).Status != "DONE" {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	wait.Wait()
}

// An index column that is wrong is put right from the loan itself.
func TestAWrongColumnIsMended(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.loan()
	f.exec(`update loan set attention_on = '2026-01-01' where id = $1`, id)
	if got := f.closeThrough("2026-01-31"); got.Status != "DONE" || got.ClosedDays != 17 || got.LoansParked != 0 {
		t.Errorf("run %+v", got)
	}
	loandbtest.TieOut(t, f.db, id)
}
