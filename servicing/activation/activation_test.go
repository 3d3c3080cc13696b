package activation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// fakeChannel answers as the test says, and counts what it really paid.
type fakeChannel struct {
	mu    sync.Mutex
	calls []PayoutOrder
	paid  map[uuid.UUID]int
	say   func(PayoutOrder) error
}

func (f *fakeChannel) Pay(_ context.Context, order PayoutOrder) (Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, order)
	if f.say != nil {
		if err := f.say(order); err != nil {
			return Receipt{}, err
		}
	}
	if f.paid == nil {
		f.paid = map[uuid.UUID]int{}
	}
	f.paid[order.ID]++
	return Receipt{Reference: "fake-1"}, nil
}

// fixture is the service on a database of its own, on 15 January 2026.
type fixture struct {
	t         *testing.T
	db        *database.DB
	env       *app.Env
	component *app.Component
	service   *Service
	channel   *fakeChannel
	http      *httpapitest.Server
	customer  uuid.UUID
	system    *httpapitest.Client
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return fixtureOn(t, dbtest.New(t, "core"))
}

func fixtureOn(t *testing.T, db *database.DB) *fixture {
	t.Helper()
	env := httpapitest.Env(t, "core", db)
	env.Now = func() time.Time { return loandbtest.Now }
	f := &fixture{t: t, db: db, env: env, channel: &fakeChannel{}, customer: uuid.New()}
	f.service = &Service{env: env, channel: f.channel, wake: make(chan struct{}, 1)}
	f.component = f.service.component()
	if err := f.component.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.http = httpapitest.New(t, f.component)
	f.system = f.http.As(uuid.New(), access.System)
	return f
}

// signed returns the event that an agreement over the published loan was signed.
func (f *fixture) signed() event.AgreementSigned {
	f.t.Helper()
	terms := loandbtest.RBITerms(loandbtest.Date(f.t, "2026-01-15"))
	schedule, err := amortization.New(terms)
	if err != nil {
		f.t.Fatal(err)
	}
	data, err := json.Marshal(terms)
	if err != nil {
		f.t.Fatal(err)
	}
	return event.AgreementSigned{
		OnApplication: event.OnApplication{ApplicationID: uuid.New(), CustomerID: f.customer},
		Offer: event.Offer{
			OfferID: uuid.New(), Terms: data, ScheduleHash: schedule.Hash(), Principal: terms.Principal,
			Instalment: loandbtest.INR(96_973), APRPercent: "17.07", ValidUntil: loandbtest.Date(f.t, "2026-02-01"),
		},
		AgreementID: uuid.New(), Method: "ESIGN", SHA256: "00", SignedAt: loandbtest.Now,
	}
}

func (f *fixture) deliver(events ...event.Event) {
	f.t.Helper()
	streamtest.Deliver(f.t, f.db, "activation", f.component.Subscriptions, events...)
}

type accountBody struct {
	LoanID       uuid.UUID `json:"loan_id"`
	Status       string    `json:"status"`
	Disbursement struct {
		Status        string `json:"status"`
		Attempts      int    `json:"attempts"`
		BankReference string `json:"bank_reference"`
	} `json:"disbursement"`
}

func (f *fixture) trigger(applicationID uuid.UUID) accountBody {
	f.t.Helper()
	var account accountBody
	f.system.Post("/api/v1/activation/"+applicationID.String()+"/trigger", nil).Want(http.StatusOK).Into(&account)
	return account
}

func (f *fixture) account(loanID uuid.UUID) accountBody {
	f.t.Helper()
	var account accountBody
	f.system.Get("/api/v1/activation/" + loanID.String() + "/account").Want(http.StatusOK).Into(&account)
	return account
}

// payOut lets every due payout be tried once.
func (f *fixture) payOut() {
	f.t.Helper()
	if _, err := f.service.payOut(context.Background()); err != nil {
		f.t.Fatal(err)
	}
}

func TestSigningActivatesAndPaysOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signed := f.signed()
	f.deliver(signed, signed) // a second delivery under another event id
	account := f.trigger(signed.ApplicationID)
	if account.Status != "PENDING" || account.Disbursement.Status != "INITIATED" {
		t.Errorf("after signing: %+v", account)
	}
	f.payOut()
	f.payOut()
	account = f.account(account.LoanID)
	if payout := account.Disbursement; account.Status != "ACTIVE" || payout.Status != "COMPLETED" ||
		payout.BankReference != "fake-1" {
		t.Errorf("after the payout: %+v", account)
	}
	wantTypes := []string{
		"loan.activated.v1", "repayment.schedule.created.v1", "disbursement.initiated.v1", "disbursement.completed.v1",
	}
	if diff := cmp.Diff(wantTypes, streamtest.Types(t, f.db)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	created := streamtest.Last[event.RepaymentScheduleCreated](t, f.db)
	if created.ScheduleHash != signed.ScheduleHash || created.Instalments != 24 ||
		created.TotalDue != loandbtest.INR(2_327_358) {
		t.Errorf("schedule %+v", created)
	}
	if got := loandbtest.Balance(t, f.db, ledger.FundSource); got != -1_960_000 {
		t.Errorf("cash %d", got)
	}
	if again := f.trigger(signed.ApplicationID); again.LoanID != account.LoanID || again.Status != "ACTIVE" {
		t.Errorf("triggered again: %+v", again)
	}
	loandbtest.TieOut(t, f.db, account.LoanID)
}

func TestTriggerNeedsASignedAgreement(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	unknown := uuid.New()
	f.system.Post("/api/v1/activation/"+unknown.String()+"/trigger", nil).
		WantProblem(http.StatusNotFound, "application-not-found")
	application := event.OnApplication{ApplicationID: uuid.New(), CustomerID: f.customer}
	f.deliver(event.ApplicationStageChanged{OnApplication: application, From: event.StageKYC, To: event.StageRisk})
	f.system.Post("/api/v1/activation/"+application.ApplicationID.String()+"/trigger", nil).
		WantProblem(http.StatusConflict, "wrong-stage")
	for _, role := range access.Roles {
		if role != access.System {
			f.http.As(uuid.New(), role).Post("/api/v1/activation/"+unknown.String()+"/trigger", nil).
				WantProblem(http.StatusForbidden, "forbidden")
		}
	}
	if got := streamtest.Types(t, f.db); len(got) != 0 {
		t.Errorf("refused triggers announced %v", got)
	}
}

func TestTermsThatWereNotSignedActivateNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	other := f.signed()
	other.ScheduleHash = "ff" + other.ScheduleHash[2:]
	broken := f.signed()
	broken.Terms = json.RawMessage(`{"instalments": 0}`)
	for says, e := range map[string]event.AgreementSigned{
		"schedule differs": other, "signed terms are not valid": broken,
		"terms.grace.capitalise: must be false": f.capitalising(),
	} {
		err := streamtest.TryDeliver(t, f.db, "activation", f.component.Subscriptions, streamtest.Envelope(t, e))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("refused with %v, which does not say %q", err, says)
		}
		f.system.Post("/api/v1/activation/"+e.ApplicationID.String()+"/trigger", nil).
			WantProblem(http.StatusNotFound, "application-not-found")
	}
	if got := streamtest.Types(t, f.db); len(got) != 0 {
		t.Errorf("announced %v", got)
	}
}

func TestRefusedPayoutsCancelTheLoan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.channel.say = func(PayoutOrder) error { return fmt.Errorf("%w: account closed", ErrRefused) }
	signed := f.signed()
	f.deliver(signed)
	loanID := f.trigger(signed.ApplicationID).LoanID
	now := loandbtest.Now
	f.env.Now = func() time.Time { return now }
	f.payOut()
	f.payOut() // too early: it waits
	if got := f.account(loanID); got.Disbursement.Attempts != 1 || got.Status != "PENDING" {
		t.Errorf("after one refusal: %+v", got)
	}
	f.system.Post("/api/v1/activation/"+loanID.String()+"/disburse", nil).Want(http.StatusOK)
	f.payOut()
	if got := f.account(loanID); got.Disbursement.Attempts != 2 {
		t.Errorf("hurried: %+v", got)
	}
	now = now.Add(time.Minute)
	f.payOut()
	if got := f.account(loanID); got.Status != "CANCELLED" || got.Disbursement.Status != "FAILED" {
		t.Errorf("after three refusals: %+v", got)
	}
	if failed := streamtest.Last[event.DisbursementFailed](t, f.db); failed.LoanID != loanID || failed.Reason == "" {
		t.Errorf("event %+v", failed)
	}
	f.system.Post("/api/v1/activation/"+loanID.String()+"/disburse", nil).
		WantProblem(http.StatusConflict, "loan-cancelled")
	for _, role := range []ledger.Role{ledger.FundSource, ledger.DisbursementClearing, ledger.IncomeFromFees} {
		if got := loandbtest.Balance(t, f.db, role); got != 0 {
			t.Errorf("%s keeps %d", role, got)
		}
	}
	loandbtest.TieOut(t, f.db, loanID)
}

// A process dies between the bank's payout and its own record of it: the next
// one asks again with the same id and nothing is paid twice.
func TestPayoutWithoutAnswerIsAskedAgainAndPaidOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	bank := &simulatedBank{db: f.db, now: f.env.Now}
	lost := errors.New("connection lost")
	f.channel.say = func(order PayoutOrder) error {
		if _, err := bank.Pay(context.Background(), order); err != nil {
			return err
		}
		if order.Attempt == 1 {
			return lost
		}
		return nil
	}
	signed := f.signed()
	f.deliver(signed)
	loanID := f.trigger(signed.ApplicationID).LoanID
	now := loandbtest.Now
	f.env.Now = func() time.Time { return now }
	f.payOut()
	f.payOut() // still claimed
	if got := f.account(loanID); got.Disbursement.Attempts != 1 || got.Status != "PENDING" {
		t.Errorf("while claimed: %+v", got)
	}
	now = now.Add(payoutLease)
	f.payOut()
	if got := f.account(loanID); got.Status != "ACTIVE" || got.Disbursement.Attempts != 2 {
		t.Errorf("asked again: %+v", got)
	}
	// The bank's answer comes twice.
	order := f.channel.calls[0]
	for _, late := range []Answer{{Receipt: Receipt{Reference: "again"}}, {Err: ErrRefused}, {Err: lost}} {
		if err := f.service.settle(context.Background(), []PayoutOrder{order}, []Answer{late}); err != nil {
			t.Errorf("late answer %+v: %v", late, err)
		}
	}
	if got := len(streamtest.Types(t, f.db)); got != 4 {
		t.Errorf("%d events, want 4", got)
	}
	loandbtest.TieOut(t, f.db, loanID)
}

func TestManyProcessesPayEachOrderOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var loans []uuid.UUID
	for range 10 {
		signed := f.signed()
		f.deliver(signed)
		loans = append(loans, f.trigger(signed.ApplicationID).LoanID)
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			other := &Service{env: f.env, channel: f.channel, wake: make(chan struct{}, 1)}
			for range 5 {
				if _, err := other.payOut(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if len(f.channel.paid) != len(loans) {
		t.Errorf("%d orders were paid, want %d", len(f.channel.paid), len(loans))
	}
	for id, times := range f.channel.paid {
		if times != 1 {
			t.Errorf("order %s was sent %d times", id, times)
		}
	}
	loandbtest.TieOut(t, f.db, loans...)
}

func TestParallelTriggersMakeOneLoan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signed := f.signed()
	loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
		_, err := insertAgreements(ctx, tx, []agreement{{
			ApplicationID: signed.ApplicationID, CustomerID: f.customer, AgreementID: signed.AgreementID,
			OfferID: signed.OfferID, Terms: string(signed.Terms), ScheduleHash: signed.ScheduleHash,
			SignedAt: signed.SignedAt,
		}})
		return err
	})
	ids := make([]uuid.UUID, 8)
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() { ids[i] = f.trigger(signed.ApplicationID).LoanID })
	}
	wait.Wait()
	if slices.ContainsFunc(ids, func(id uuid.UUID) bool { return id != ids[0] }) {
		t.Errorf("different loans: %v", ids)
	}
	if got := len(streamtest.Types(t, f.db)); got != 3 {
		t.Errorf("%d events, want 3", got)
	}
	loandbtest.TieOut(t, f.db, ids[0])
}

func TestWhoMayReadALoan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signed := f.signed()
	f.deliver(signed)
	loanID := f.trigger(signed.ApplicationID).LoanID
	for _, path := range []string{"account", "schedule"} {
		path := "/api/v1/activation/" + loanID.String() + "/" + path
		f.http.As(f.customer, access.Customer).Get(path).Want(http.StatusOK)
		f.http.As(uuid.New(), access.Customer).Get(path).WantProblem(http.StatusNotFound, "loan-not-found")
		f.http.As(uuid.New(), access.Partner).Get(path).WantProblem(http.StatusNotFound, "loan-not-found")
		f.http.Anonymous().Get(path).WantProblem(http.StatusUnauthorized, "unauthenticated")
		for _, role := range readers {
			f.http.As(uuid.New(), role).Get(path).Want(http.StatusOK)
		}
	}
	f.system.Get("/api/v1/activation/"+uuid.NewString()+"/account").WantProblem(http.StatusNotFound, "loan-not-found")
	f.system.Get("/api/v1/activation/1/account").Want(http.StatusUnprocessableEntity)
}

func TestScheduleIsTheOneThatWasSigned(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signed := f.signed()
	f.deliver(signed)
	loanID := f.trigger(signed.ApplicationID).LoanID
	type row struct {
		Number  int    `json:"number"`
		DueDate string `json:"due_date"`
		Total   struct {
			Amount string `json:"amount"`
		} `json:"total"`
		Status string `json:"status"`
	}
	var body struct {
		ScheduleHash string `json:"schedule_hash"`
		Instalments  []row  `json:"instalments"`
	}
	f.http.As(f.customer, access.Customer).Get("/api/v1/activation/" + loanID.String() + "/schedule").
		Want(http.StatusOK).Into(&body)
	if body.ScheduleHash != signed.ScheduleHash || len(body.Instalments) != 24 {
		t.Fatalf("hash %s, %d instalments", body.ScheduleHash, len(body.Instalments))
	}
	want := row{Number: 1, DueDate: "2026-02-15", Status: "UPCOMING"}
	want.Total.Amount = "969.73"
	if diff := cmp.Diff(want, body.Instalments[0]); diff != "" {
		t.Errorf("first instalment (-want +got):\n%s", diff)
	}
}

func TestRunPayoutsWakesAndStops(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.env.Now = time.Now
	f.service.channel = &simulatedBank{db: f.db, now: time.Now, delay: time.Millisecond}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.component.Tasks[0].Run(ctx) }()
	signed := f.signed()
	f.deliver(signed)
	loanID := f.trigger(signed.ApplicationID).LoanID
	deadline := time.Now().Add(5 * time.Minute)
	for f.account(loanID).Status != "ACTIVE" {
		if time.Now().After(deadline) {
			t.Fatal("the payout was not made")
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("stopping: %v", err)
	}
}

func TestSimulatedBankRefusesItsShare(t *testing.T) {
	t.Parallel()
	refused := 0
	bank := &simulatedBank{}
	for i := range 1000 {
		order := PayoutOrder{ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte{byte(i), byte(i >> 8)}), Attempt: 1}
		drawn := bank.drawn("refuse", order)
		if drawn < 30 {
			refused++
		}
		if drawn < 0 || drawn > 99 {
			t.Errorf("drew %d", drawn)
		}
	}
	if refused < 230 || refused > 370 {
		t.Errorf("%d of 1000 refused, want about 300", refused)
	}
}

// A bank that refuses and loses answers: each loan is paid out once or cancelled,
// and the books agree with the bank.
func TestABadBankLeavesNothingOpenAndPaysNothingTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.service.channel = &simulatedBank{db: f.db, now: f.env.Now, failPercent: 70, losePercent: 40}
	signed := make([]event.AgreementSigned, 60)
	for i := range signed {
		signed[i] = f.signed()
	}
	loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
		return f.service.onAgreementsSigned(ctx, tx, signed)
	})
	now := loandbtest.Now
	f.env.Now = func() time.Time { return now }
	for range 40 {
		f.payOut()
		now = now.Add(payoutLease)
	}
	statuses, loans := map[string]int{}, []uuid.UUID{}
	for _, e := range signed {
		account := f.account(f.trigger(e.ApplicationID).LoanID)
		statuses[account.Status]++
		loans = append(loans, account.LoanID)
	}
	if statuses["ACTIVE"]+statuses["CANCELLED"] != len(signed) || statuses["CANCELLED"] == 0 || statuses["ACTIVE"] == 0 {
		t.Errorf("loans by status: %v", statuses)
	}
	loandbtest.TieOut(t, f.db, loans...)
	var paid, settled int
	loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
		return tx.QueryRow(ctx, `
			select (select count(*) from simulated_payout), (select count(*) from disbursement where status = 'COMPLETED')`).
			Scan(&paid, &settled)
	})
	if paid != settled || settled != statuses["ACTIVE"] {
		t.Errorf("the bank paid %d, %d are settled, %d loans are active", paid, settled, statuses["ACTIVE"])
	}
	if got := len(streamtest.Types(t, f.db)); got != 4*len(signed) {
		t.Errorf("%d events of %d loans", got, len(signed))
	}
}
