package notification

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
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
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

// bench is the service on a database of its own, with one customer and a clock
// that the test moves.
type bench struct {
	t         *testing.T
	db        *database.DB
	env       *app.Env
	service   *Service
	component *app.Component
	server    *httpapitest.Server
	customer  event.OnCustomer

	mu    sync.Mutex
	clock time.Time
}

func setup(t *testing.T) *bench {
	t.Helper()
	db := dbtest.New(t, "notification")
	b := &bench{
		t: t, db: db, env: httpapitest.Env(t, "notification", db), customer: event.OnCustomer{CustomerID: uuid.New()},
		clock: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	}
	b.env.Now = func() time.Time {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.clock
	}
	service, err := newService(b.env)
	if err != nil {
		t.Fatal(err)
	}
	b.service, b.component = service, service.component()
	b.server = httpapitest.New(t, b.component)
	return b
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

func (b *bench) deliver(events ...event.Event) {
	b.t.Helper()
	streamtest.Deliver(b.t, b.db, "notification", b.component.Subscriptions, events...)
}

func (b *bench) seal(plain []byte, place string) string {
	b.t.Helper()
	sealed, err := b.env.Keyring.Seal(plain, place)
	if err != nil {
		b.t.Fatal(err)
	}
	return sealed
}

func (b *bench) registered(contact event.Contact) event.CustomerRegistered {
	b.t.Helper()
	plain, err := json.Marshal(contact)
	if err != nil {
		b.t.Fatal(err)
	}
	return event.CustomerRegistered{
		OnCustomer: b.customer, SealedContact: b.seal(plain, "customer.contact:"+b.customer.CustomerID.String()),
	}
}

var asha = event.Contact{Email: "asha@example.org", Phone: "+911234567890", Name: "Asha Rao"}

func (b *bench) application() event.OnApplication {
	return event.OnApplication{ApplicationID: uuid.New(), CustomerID: b.customer.CustomerID}
}

func (b *bench) loan() event.OnLoan {
	return event.OnLoan{LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: b.customer.CustomerID}
}

func (b *bench) owner() *httpapitest.Client {
	return b.server.As(b.customer.CustomerID, access.Customer)
}

type messageView struct {
	ID     uuid.UUID  `json:"id"`
	Type   string     `json:"type"`
	Title  string     `json:"title"`
	Body   string     `json:"body"`
	ReadAt *time.Time `json:"read_at"`
}

type inboxView struct {
	Items      []messageView `json:"items"`
	Unread     int           `json:"unread_count"`
	NextCursor string        `json:"next_cursor"`
}

func (b *bench) inbox(query string) inboxView {
	b.t.Helper()
	var view inboxView
	b.owner().Get("/api/v1/notifications/inbox" + query).Want(http.StatusOK).Into(&view)
	return view
}

type historyView struct {
	Items []struct {
		Message    messageView `json:"notification"`
		Deliveries []struct {
			Channel  string     `json:"channel"`
			State    string     `json:"state"`
			Attempts int        `json:"attempts"`
			Via      string     `json:"via"`
			Fault    string     `json:"fault"`
			DueAt    *time.Time `json:"due_at"`
		} `json:"deliveries"`
	} `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func (b *bench) history() historyView {
	b.t.Helper()
	var view historyView
	b.owner().Get("/api/v1/notifications/history").Want(http.StatusOK).Into(&view)
	return view
}

// states lists the deliveries of the newest message as "EMAIL SENT", …
func (b *bench) states() []string {
	b.t.Helper()
	var list []string
	for _, d := range b.history().Items[0].Deliveries {
		list = append(list, d.Channel+" "+d.State)
	}
	return list
}

func rupees(minor int64) money.Amount { return money.New(minor, money.MustCurrency("INR")) }

func date(day int) civil.Date { return civil.Date{Year: 2026, Month: time.December, Day: day} }

func TestMessages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, loan := b.application(), b.loan()
	offer := event.Offer{
		Terms: json.RawMessage(`{}`), Principal: rupees(20_000_00), Instalment: rupees(969_73), APRPercent: "17.07",
		ValidUntil: date(7),
	}
	code := b.seal([]byte("493817"), "agreement.code:"+b.customer.CustomerID.String())
	until := time.Date(2026, 11, 23, 12, 10, 0, 0, time.UTC)
	tests := []struct {
		event event.Event
		body  string // "" for events that say nothing
	}{
		{b.registered(asha), "Your account is ready. You can now apply for a loan."},
		{
			event.ApplicationStageChanged{OnApplication: app, From: event.StageInput, To: event.StageKYC},
			"We received your application and now check your identity.",
		},
		{event.ApplicationStageChanged{OnApplication: app, To: event.StageRepayment}, ""},
		{
			event.ApplicationStageChanged{OnApplication: app, To: event.StageClosed, Outcome: event.OutcomeExpired},
			"Our offer was not answered in time. Your application is closed.",
		},
		{event.ApplicationStageChanged{OnApplication: app, To: event.StageClosed, Outcome: event.OutcomeRepaid}, ""},
		{
			event.RiskRejected{OnApplication: app, Reasons: []string{"TERM_TOO_LONG", "INCOME_NOT_STATED"}},
			"We cannot offer you credit. The principal reasons: term too long, income not stated.",
		},
		{
			event.OfferMade{OnApplication: app, Offer: offer},
			"We offer you 20000.00 INR in monthly instalments of 969.73 INR, at an annual percentage rate of 17.07 %. " +
				"You can accept it until 2026-12-07.",
		},
		{event.AgreementGenerated{OnApplication: app}, "Please read your loan agreement and sign it."},
		{
			event.SigningCodeIssued{OnApplication: app, SealedCode: code, ExpiresAt: until},
			"Your code is 493817. It is valid until 12:10 UTC on 2026-11-23. Enter it to sign your agreement, and tell " +
				"it nobody.",
		},
		{
			event.AgreementUploaded{OnApplication: app},
			"We look at the copy you uploaded and tell you when it is accepted.",
		},
		{
			event.AgreementSigned{OnApplication: app, Offer: offer},
			"The loan of 20000.00 INR is concluded. We now pay it out.",
		},
		{
			event.LoanActivated{OnLoan: loan, Principal: rupees(20_000_00), BusinessDate: date(1)},
			"Your loan of 20000.00 INR started on 2026-12-01.",
		},
		{
			event.RepaymentScheduleCreated{
				OnLoan: loan, Instalments: 24, FirstDueDate: date(1), LastDueDate: date(2),
				TotalDue: rupees(23_273_52),
			},
			"You repay 23273.52 INR in 24 instalments, the first on 2026-12-01 and the last on 2026-12-02.",
		},
		{
			event.DisbursementCompleted{OnLoan: loan, Amount: rupees(19_600_00), ValueDate: date(1), BankReference: "R1"},
			"We paid out 19600.00 INR with value date 2026-12-01. Bank reference: R1.",
		},
		{
			event.DisbursementFailed{OnLoan: loan, Amount: rupees(19_600_00), Reason: "internal wording"},
			"The payout of 19600.00 INR did not reach your account. The loan is cancelled and you owe nothing.",
		},
		{
			event.PaymentReceived{OnLoan: loan, Status: "DECLARED", Amount: rupees(969_73), ValueDate: date(1)},
			"Your payment of 969.73 INR with value date 2026-12-01 has been received. It waits to be verified; then we " +
				"tell you again.",
		},
		// One that is booked at once is told of by its booking.
		{event.PaymentReceived{OnLoan: loan, Status: "POSTED", Amount: rupees(969_73), ValueDate: date(1)}, ""},
		{
			event.PaymentVerified{
				OnLoan: loan, Amount: rupees(1_000_00), ValueDate: date(1), Principal: rupees(719_73),
				Interest: rupees(250_00), Fees: rupees(0), Penalties: rupees(0), Overpaid: rupees(30_27),
			},
			"We received and booked your payment of 1000.00 INR with value date 2026-12-01: 719.73 INR repaid principal, " +
				"250.00 INR interest, 0.00 INR fees and 0.00 INR penalties; 30.27 INR is overpaid.",
		},
		{
			event.PaymentRejected{OnLoan: loan, Amount: rupees(5_00), Reason: "internal wording"},
			"We could not find the payment of 5.00 INR that you declared. Please check it and declare it again.",
		},
		{
			event.PaymentOverdue{OnLoan: loan, Instalment: 3, DueDate: date(1), AmountOverdue: rupees(969_73), DaysPastDue: 1},
			"Instalment 3 was due on 2026-12-01. 969.73 INR is overdue by 1 day.",
		},
		{
			event.LateFeeCharged{
				OnLoan: loan, Instalment: 3, DueDate: date(1), Amount: rupees(50_00), ValueDate: date(5), DaysPastDue: 4,
			},
			"Instalment 3, due on 2026-12-01, is 4 days past due. A late fee of 50.00 INR was charged with value date " +
				"2026-12-05.",
		},
		{
			event.LateFeeReversed{OnLoan: loan, Instalment: 3, DueDate: date(1), Amount: rupees(50_00), ValueDate: date(5)},
			"The late fee of 50.00 INR on instalment 3, due on 2026-12-01, no longer counts: you do not owe it.",
		},
		{
			event.LoanWaived{OnLoan: loan, ValueDate: date(5), Component: "PENALTY", Amount: rupees(50_00), Reason: "internal"},
			"With value date 2026-12-05 we waived 50.00 INR. You no longer owe it.",
		},
		{
			event.LoanRefunded{OnLoan: loan, ValueDate: date(5), Amount: rupees(30_27), Reason: "internal"},
			"With value date 2026-12-05 we gave 30.27 INR back to you.",
		},
		{
			event.LoanChargedBack{OnLoan: loan, ValueDate: date(5), Amount: rupees(969_73), Reason: "internal"},
			"With value date 2026-12-05 969.73 INR that you had paid was taken back from us. You owe it again.",
		},
		{
			event.LoanRescheduled{
				OnLoan: loan, ValueDate: date(5), Instalments: 36, LastDueDate: date(31), Outstanding: rupees(20_000_00),
				Reason: "internal",
			},
			"Since 2026-12-05 you repay by a new plan, with the last instalment on 2026-12-31. You still owe 20000.00 INR, " +
				"interest to come included.",
		},
		{event.LoanFullyRepaid{OnLoan: loan, ValueDate: date(1)}, "Since 2026-12-01 you owe nothing on this loan."},
		{
			event.LoanCompleted{OnLoan: loan, BusinessDate: date(1)},
			"Your loan account was closed on 2026-12-01. Thank you.",
		},
		{event.SessionEnded{OnUser: event.OnUser{UserID: b.customer.CustomerID}, Reason: "LOGOUT"}, ""},
		{
			event.SessionEnded{OnUser: event.OnUser{UserID: b.customer.CustomerID}, Reason: "REUSE_DETECTED"},
			"We ended one of your sessions because its refresh token was used twice. If that was not you, change your " +
				"password.",
		},
		{
			event.PasswordChanged{OnUser: event.OnUser{UserID: b.customer.CustomerID}},
			"Your password was changed and all your sessions ended. If that was not you, set a new one at once and tell us.",
		},
		{
			event.ResetCodeIssued{
				OnUser: event.OnUser{UserID: b.customer.CustomerID}, ExpiresAt: until,
				SealedCode: b.seal([]byte("NEWSECRET"), "identity.reset_code:"+b.customer.CustomerID.String()),
			},
			"Your code is NEWSECRET. It is valid until 12:10 UTC on 2026-11-23. Enter it to set a new password, and tell it " +
				"nobody. If you did not ask for it, you need not do anything.",
		},
	}
	tested := map[string]bool{}
	want := 0
	for _, test := range tests {
		tested[test.event.Type()] = true
		b.pass(time.Second)
		b.deliver(test.event)
		view := b.inbox("?limit=1")
		if test.body != "" {
			want++
			if view.Items[0].Body != test.body || view.Items[0].Type != test.event.Type() || view.Items[0].Title == "" {
				t.Errorf("%s: %+v, want body %q", test.event.Type(), view.Items[0], test.body)
			}
		}
		if view.Unread != want {
			t.Errorf("%s: %d unread, want %d", test.event.Type(), view.Unread, want)
		}
	}
	for _, r := range rules {
		if !tested[r.typ] {
			t.Errorf("no test for messages about %s", r.typ)
		}
	}
}

func TestNothingReadableIsStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	code := b.seal([]byte("493817"), "agreement.code:"+b.customer.CustomerID.String())
	b.deliver(b.registered(asha), event.SigningCodeIssued{OnApplication: b.application(), SealedCode: code})
	rows, err := b.db.Pool().Query(context.Background(), `
		select sealed_contact from contact union all select sealed_content from message`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var stored string
		if err := rows.Scan(&stored); err != nil {
			t.Fatal(err)
		}
		n++
		for _, secret := range []string{asha.Email, asha.Phone, asha.Name, "493817", "code"} {
			if strings.Contains(stored, secret) {
				t.Errorf("stored text shows %q", secret)
			}
		}
	}
	if err := rows.Err(); err != nil || n != 3 {
		t.Errorf("%d rows (%v), want one contact and two messages", n, err)
	}
}

func TestEventsDeliveredTwiceMakeOneMessage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	env := streamtest.Envelope(t, event.AgreementGenerated{OnApplication: b.application()})
	for _, consumer := range []string{"notification", "notification", "notification again"} {
		// The third time the inbox does not know it: the message's own key does.
		if err := streamtest.TryDeliver(t, b.db, consumer, b.component.Subscriptions, env); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.history().Items); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	if diff := cmp.Diff([]string{"EMAIL PENDING", "SMS PENDING"}, b.states()); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	var stored int
	err := b.db.Pool().QueryRow(context.Background(), `select count(*) from delivery`).Scan(&stored)
	if err != nil || stored != 2 {
		t.Errorf("%d deliveries stored (%v), want 2", stored, err)
	}
}

func TestForeignSealsAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	elsewhere := b.registered(asha)
	elsewhere.CustomerID = uuid.New() // sealed for another customer
	stolen := event.SigningCodeIssued{
		OnApplication: b.application(), SealedCode: b.seal([]byte("493817"), "agreement.code:"+uuid.NewString()),
	}
	for _, e := range []event.Event{elsewhere, stolen} {
		env := streamtest.Envelope(t, e)
		if err := streamtest.TryDeliver(t, b.db, "notification", b.component.Subscriptions, env); err == nil {
			t.Errorf("%s with a foreign seal was handled", e.Type())
		}
	}
	if view := b.inbox(""); len(view.Items) != 0 {
		t.Errorf("inbox %+v", view)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deliver(event.AgreementGenerated{OnApplication: b.application()})
	b.pass(time.Second)
	b.deliver(event.AgreementUploaded{OnApplication: b.application()})
	newest := b.inbox("").Items[0]
	path := "/api/v1/notifications/" + newest.ID.String() + "/read"
	first := b.owner().Patch(path, nil).Want(http.StatusOK)
	b.pass(time.Hour)
	again := b.owner().Patch(path, nil).Want(http.StatusOK)
	if string(first.Body) != string(again.Body) {
		t.Errorf("read again: %s, first %s", again.Body, first.Body)
	}
	want := event.NotificationRead{RecipientID: b.customer.CustomerID, NotificationID: newest.ID}
	if diff := cmp.Diff(want, streamtest.Last[event.NotificationRead](t, b.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if types := streamtest.Types(t, b.db); len(types) != 1 {
		t.Errorf("announced %v, want one reading", types)
	}
	view := b.inbox("")
	if view.Unread != 1 || view.Items[0].ReadAt == nil || view.Items[1].ReadAt != nil {
		t.Errorf("inbox %+v", view)
	}
	unread := b.inbox("?unread=true")
	if len(unread.Items) != 1 || unread.Items[0].ID == newest.ID {
		t.Errorf("unread %+v", unread)
	}
	for _, role := range access.Roles {
		b.server.As(uuid.New(), role).Patch(path, nil).WantProblem(http.StatusNotFound, "notification-not-found")
	}
	b.owner().Patch("/api/v1/notifications/"+uuid.NewString()+"/read", nil).
		WantProblem(http.StatusNotFound, "notification-not-found")
	b.owner().Patch("/api/v1/notifications/nonsense/read", nil).WantProblem(http.StatusUnprocessableEntity, "validation")
}

func TestInboxesAreApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deliver(event.AgreementGenerated{OnApplication: b.application()})
	for _, path := range []string{"inbox", "history", "preferences"} {
		b.server.Anonymous().Get("/api/v1/notifications/"+path).WantProblem(http.StatusUnauthorized, "unauthenticated")
	}
	for _, role := range access.Roles {
		stranger := b.server.As(uuid.New(), role)
		var view inboxView
		stranger.Get("/api/v1/notifications/inbox").Want(http.StatusOK).Into(&view)
		var history historyView
		stranger.Get("/api/v1/notifications/history").Want(http.StatusOK).Into(&history)
		if len(view.Items) != 0 || view.Unread != 0 || len(history.Items) != 0 {
			t.Errorf("%s sees %+v and %+v", role, view, history)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const messages = 7
	for i := range messages { // some of them at the same instant
		b.pass(time.Duration(i%2) * time.Second)
		b.deliver(event.PaymentReceived{OnLoan: b.loan(), Amount: rupees(int64(i)), ValueDate: date(1)})
	}
	seen := map[uuid.UUID]bool{}
	query := "?limit=3"
	for pages := 1; ; pages++ {
		view := b.inbox(query)
		for _, m := range view.Items {
			if seen[m.ID] {
				t.Errorf("message %s is on two pages", m.ID)
			}
			seen[m.ID] = true
		}
		if view.NextCursor == "" {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
		query = "?limit=3&cursor=" + view.NextCursor
	}
	if len(seen) != messages {
		t.Errorf("%d messages on all pages, want %d", len(seen), messages)
	}
	for _, bad := range []string{
		"?cursor=%21%21", "?cursor=Zm9v", "?limit=0", "?limit=201", "?unread=perhaps", "?page=2",
	} {
		b.owner().Get("/api/v1/notifications/inbox" + bad).Want(http.StatusUnprocessableEntity)
	}
}
