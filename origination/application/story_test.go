package application_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

// wholeLife is everything that is told of an application that becomes a loan
// and is repaid, topic by topic.
func wholeLife(id, customer, loan uuid.UUID) (origination, servicing []event.Event) {
	a, l := on(id, customer), event.OnLoan{LoanID: loan, ApplicationID: id, CustomerID: customer}
	due := civil.Date{Year: 2026, Month: 4, Day: 2}
	offer := event.Offer{
		OfferID: uuid.New(), Principal: rupees("20000"), Instalment: rupees("969.73"), APRPercent: "17.07",
		Terms: []byte(`{}`), ValidUntil: due,
	}
	origination = []event.Event{
		document(id, customer, "IDENTITY"), document(id, customer, "INCOME"),
		event.KYCAssigned{OnApplication: a},
		event.KYCVerified{OnApplication: a, Passed: true},
		event.KYCApproved{OnApplication: a},
		event.RiskAssessed{OnApplication: a, Band: "B"},
		event.RiskApproved{OnApplication: a, MaxAmount: rupees("25000"), DecidedBy: access.Platform("risk").ID},
		event.OfferMade{OnApplication: a, Offer: offer},
		event.OfferAccepted{OnApplication: a, Offer: offer},
		event.ApprovalRecorded{OnApplication: a, Level: "INTERNAL"},
		event.ApprovalRecorded{OnApplication: a, Level: "MANAGEMENT"},
		event.ApprovalRecorded{OnApplication: a, Level: "FINAL"},
		event.ApprovalGranted{OnApplication: a},
		event.AgreementGenerated{OnApplication: a},
		event.AgreementSigned{OnApplication: a, Offer: offer, Method: "ESIGN"},
	}
	servicing = []event.Event{
		event.LoanActivated{OnLoan: l, Principal: rupees("20000"), BusinessDate: due},
		event.DisbursementCompleted{OnLoan: l, Amount: rupees("19600"), ValueDate: due},
		event.PaymentOverdue{OnLoan: l, Instalment: 1, DueDate: due, AmountOverdue: rupees("969.73")},
		event.LateFeeCharged{OnLoan: l, Instalment: 1, DueDate: due, Amount: rupees("50"), ValueDate: due.AddDays(4)},
		event.LateFeeReversed{OnLoan: l, Instalment: 1, DueDate: due, Amount: rupees("50"), ValueDate: due.AddDays(4)},
		event.LoanFullyRepaid{OnLoan: l, ValueDate: due},
		event.LoanCompleted{OnLoan: l, BusinessDate: due},
	}
	return origination, servicing
}

type stageTold struct {
	Stage     string     `json:"stage"`
	Outcome   string     `json:"outcome"`
	EnteredAt time.Time  `json:"entered_at"`
	LeftAt    *time.Time `json:"left_at"`
}

type entryTold struct {
	At       time.Time `json:"at"`
	Event    string    `json:"event"`
	Role     string    `json:"actor_role"`
	Sentence string    `json:"sentence"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Outcome  string    `json:"outcome"`
}

type timelineTold struct {
	Stage   string      `json:"stage"`
	Outcome string      `json:"outcome"`
	LoanID  *uuid.UUID  `json:"loan_id"`
	Stages  []stageTold `json:"stages"`
	Events  []entryTold `json:"events"`
	Next    string      `json:"next_cursor"`
}

// timeline reads a whole timeline, in pages of a size, as an officer.
func (b *bundle) timeline(id uuid.UUID, size string) timelineTold {
	b.t.Helper()
	officer := b.server.As(uuid.New(), access.Officer)
	path := applications + "/" + id.String() + "/timeline?limit=" + size
	var events []entryTold
	for next := ""; ; {
		var page timelineTold
		officer.Get(path + "&cursor=" + next).Want(http.StatusOK).Into(&page)
		events, next = append(events, page.Events...), page.Next
		if next == "" {
			page.Events = events
			return page
		}
	}
}

// deliverAt delivers an event that happened at an instant.
func (b *bundle) deliverAt(at time.Time, e event.Event) {
	b.t.Helper()
	env := streamtest.Envelope(b.t, e)
	env.Time = at
	err := streamtest.TryDeliver(b.t, b.db, "application", b.component.Subscriptions, env)
	if err != nil {
		b.t.Fatalf("delivering %s: %v", e.Type(), err)
	}
}

// TestTimeline tells a whole life and reads it back, page by page.
func TestTimeline(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.now = func() time.Time { return instant(0) }
	customer, loan := uuid.New(), uuid.New()
	id := b.apply(customer)
	b.deliverAt(instant(1), identified(customer))
	origination, servicing := wholeLife(id, customer, loan)
	for i, e := range slices.Concat(origination, servicing) {
		b.deliverAt(instant(i+2), e)
	}

	line := b.timeline(id, "4")
	if whole := b.timeline(id, "200"); len(whole.Events) != len(line.Events) {
		t.Errorf("%d events page by page, %d at once", len(line.Events), len(whole.Events))
	}
	if line.Stage != "CLOSED" || line.Outcome != "REPAID" || line.LoanID == nil || *line.LoanID != loan {
		t.Errorf("ends at %s %s with loan %v", line.Stage, line.Outcome, line.LoanID)
	}
	at := func(n int) *time.Time { moment := instant(n); return &moment }
	wantStages := []stageTold{
		{"INPUT", "", instant(0), at(3)},
		{"KYC_REVIEW", "", instant(3), at(6)},
		{"RISK_ASSESSMENT", "", instant(6), at(8)},
		{"DISCUSSION", "", instant(8), at(10)},
		{"APPROVAL", "", instant(10), at(14)},
		{"AGREEMENT", "", instant(14), at(16)},
		{"ACTIVATION", "", instant(16), at(18)},
		{"REPAYMENT", "", instant(18), at(23)},
		{"CLOSED", "REPAID", instant(23), nil},
	}
	if diff := cmp.Diff(wantStages, line.Stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	wantEvents := []entryTold{
		{
			instant(0), "application.created.v1", "CUSTOMER", "The borrower applied for 20000.00 INR in 24 instalments.",
			"", "INPUT", "",
		},
		{instant(1), "customer.kyc.submitted.v1", "CUSTOMER", "The borrower handed in identity data.", "", "", ""},
		{instant(2), "document.uploaded.v1", "CUSTOMER", "The borrower added a document (identity).", "", "", ""},
		{instant(3), "document.uploaded.v1", "CUSTOMER", "The borrower added a document (income).", "", "", ""},
		{
			instant(3), "application.submitted.v1", "SYSTEM", "The application is complete and was handed in for review.",
			"INPUT", "KYC_REVIEW", "",
		},
		{instant(4), "kyc.assigned.v1", "MANAGER", "A manager gave the identity review to an officer.", "", "", ""},
		{instant(5), "kyc.verified.v1", "OFFICER", "An officer checked the evidence of identity.", "", "", ""},
		{
			instant(6), "kyc.approved.v1", "MANAGER", "A manager approved the identity review.",
			"KYC_REVIEW", "RISK_ASSESSMENT", "",
		},
		{instant(7), "risk.assessed.v1", "SYSTEM", "The risk was assessed: band B.", "", "", ""},
		{
			instant(8), "risk.approved.v1", "SYSTEM", "The risk is accepted for up to 25000.00 INR.",
			"RISK_ASSESSMENT", "DISCUSSION", "",
		},
		{
			instant(9), "offer.made.v1", "OFFICER",
			"An officer offered 20000.00 INR with instalments of 969.73 INR at an APR of 17.07 %.", "", "", "",
		},
		{instant(10), "offer.accepted.v1", "CUSTOMER", "The borrower accepted the offer.", "DISCUSSION", "APPROVAL", ""},
		{instant(11), "approval.recorded.v1", "INTERNAL", "The offer was approved at level internal.", "", "", ""},
		{instant(12), "approval.recorded.v1", "MANAGER", "The offer was approved at level management.", "", "", ""},
		{instant(13), "approval.recorded.v1", "CREDIT_HEAD", "The offer was approved at level final.", "", "", ""},
		{
			instant(14), "approval.granted.v1", "CREDIT_HEAD", "The offer is approved at every level.",
			"APPROVAL", "AGREEMENT", "",
		},
		{instant(15), "agreement.generated.v1", "SYSTEM", "The agreement is ready to be signed.", "", "", ""},
		{instant(16), "agreement.signed.v1", "CUSTOMER", "The agreement is signed.", "AGREEMENT", "ACTIVATION", ""},
		{instant(17), "loan.activated.v1", "SYSTEM", "The loan account over 20000.00 INR was opened.", "", "", ""},
		{
			instant(18), "disbursement.completed.v1", "SYSTEM", "19600.00 INR was paid out to the borrower.",
			"ACTIVATION", "REPAYMENT", "",
		},
		{
			instant(19), "payment.overdue.v1", "SYSTEM",
			"Instalment 1, due on 2026-04-02, is overdue with 969.73 INR.", "", "", "",
		},
		{
			instant(20), "late_fee.charged.v1", "SYSTEM",
			"A late fee of 50.00 INR was charged on instalment 1, due on 2026-04-02.", "", "", "",
		},
		{
			instant(21), "late_fee.reversed.v1", "SYSTEM",
			"The late fee of 50.00 INR on instalment 1, due on 2026-04-02, was taken back.", "", "", "",
		},
		{instant(22), "loan.fully.repaid.v1", "SYSTEM", "The loan is fully repaid.", "", "", ""},
		{instant(23), "loan.completed.v1", "SYSTEM", "The loan account is closed.", "REPAYMENT", "CLOSED", "REPAID"},
	}
	if diff := cmp.Diff(wantEvents, line.Events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if rows := b.audited(id); rows != 24 { // one for the creation and one for each event
		t.Errorf("%d audit rows, want 24", rows)
	}
}

// TestEventsTogether delivers the lives of two applications in one transaction,
// mixed: each is told as when its events come one by one.
func TestEventsTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.now = func() time.Time { return instant(0) }
	var alone timelineTold
	var ids []uuid.UUID
	var together []event.Event
	for i := range 3 {
		customer := uuid.New()
		id := b.apply(customer)
		origination, servicing := wholeLife(id, customer, uuid.New())
		life := slices.Concat([]event.Event{identified(customer)}, origination, servicing)
		switch i {
		case 0:
			b.deliver(life...)
			alone = b.timeline(id, "200")
		case 1:
			together = life
		case 2:
			for k, e := range life {
				together = slices.Insert(together, 2*k+1, e)
			}
		}
		ids = append(ids, id)
	}
	streamtest.DeliverTogether(t, b.db, "application", b.component.Subscriptions, together...)
	for _, id := range ids[1:] {
		line := b.timeline(id, "200")
		for i := range line.Events {
			line.Events[i].At = alone.Events[i].At
		}
		if diff := cmp.Diff(alone.Events, line.Events); diff != "" {
			t.Errorf("events (-alone +together):\n%s", diff)
		}
		if line.Stage != "CLOSED" || line.Outcome != "REPAID" || line.LoanID == nil {
			t.Errorf("ends at %s %s with loan %v", line.Stage, line.Outcome, line.LoanID)
		}
		if got, want := b.audited(id), b.audited(ids[0]); got != want {
			t.Errorf("%d audit rows, %d when alone", got, want)
		}
	}
	moves := map[uuid.UUID][]string{}
	for _, env := range streamtest.Announced(t, b.db) {
		moves[env.Subject] = append(moves[env.Subject], env.Type+" "+moveOf(t, env))
	}
	for _, id := range ids[1:] {
		if diff := cmp.Diff(moves[ids[0]], moves[id]); diff != "" {
			t.Errorf("announced (-alone +together):\n%s", diff)
		}
	}
}

func moveOf(t *testing.T, env event.Envelope) string {
	t.Helper()
	if env.Type != (event.ApplicationStageChanged{}).Type() {
		return ""
	}
	e, err := event.Decode[event.ApplicationStageChanged](env)
	if err != nil {
		t.Fatal(err)
	}
	return string(e.From) + " to " + string(e.To)
}

// TestLateNewsTakesItsPlace delivers the loan before the signature.
func TestLateNewsTakesItsPlace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.now = func() time.Time { return instant(0) }
	customer := uuid.New()
	id := b.apply(customer)
	origination, servicing := wholeLife(id, customer, uuid.New())
	last := len(origination) - 1
	b.deliverAt(instant(1), identified(customer))
	for i, e := range origination[:last] {
		b.deliverAt(instant(i+2), e)
	}
	b.deliverAt(instant(101), servicing[0])
	b.deliverAt(instant(102), servicing[1])
	if got := b.get(id).Stage; got != "REPAYMENT" {
		t.Fatalf("at %s, want REPAYMENT", got)
	}
	announced := len(streamtest.Types(t, b.db))
	b.deliverAt(instant(100), origination[last])
	if got := b.get(id).Stage; got != "REPAYMENT" {
		t.Errorf("the late signature led to %s", got)
	}
	if after := len(streamtest.Types(t, b.db)); after != announced {
		t.Errorf("the late signature announced %d more events", after-announced)
	}
	events := b.timeline(id, "200").Events
	var types []string
	for _, e := range events[len(events)-3:] {
		types = append(types, e.Event)
	}
	want := []string{"agreement.signed.v1", "loan.activated.v1", "disbursement.completed.v1"}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("the story ends with (-want +got):\n%s", diff)
	}
}

// TestInterleavings delivers whole lives in drawn orders to the real database,
// every event twice.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const lives = 5
	for seed := range uint64(lives) {
		random := rand.New(rand.NewPCG(seed, 1))
		customer, loan := uuid.New(), uuid.New()
		id := b.apply(customer)
		topics := make([][]event.Event, 2, 3)
		topics[0], topics[1] = wholeLife(id, customer, loan)
		topics = append(topics, []event.Event{identified(customer), identified(customer)})
		count := 0
		for len(topics) > 0 {
			i := random.IntN(len(topics))
			env := streamtest.Envelope(t, topics[i][0])
			for range 2 {
				err := streamtest.TryDeliver(t, b.db, "application", b.component.Subscriptions, env)
				if err != nil {
					t.Fatalf("seed %d: %s: %v", seed, env.Type, err)
				}
			}
			count++
			if topics[i] = topics[i][1:]; len(topics[i]) == 0 {
				topics = slices.Delete(topics, i, i+1)
			}
		}
		got := b.get(id)
		if got.Stage != "CLOSED" || got.Outcome != "REPAID" || got.LoanID == nil || *got.LoanID != loan {
			t.Errorf("seed %d ends at %s %s with loan %v", seed, got.Stage, got.Outcome, got.LoanID)
		}
		if events := len(b.timeline(id, "200").Events); events < count-2 {
			t.Errorf("seed %d: %d entries for %d events", seed, events, count)
		}
	}
}

// TestConcurrentEvents lets both topics and the customer's news arrive at once.
func TestConcurrentEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	customer := uuid.New()
	id := b.apply(customer)
	origination, servicing := wholeLife(id, customer, uuid.New())
	done := make(chan error, 3)
	for _, topic := range [][]event.Event{origination, servicing, {identified(customer)}} {
		go func() {
			for _, e := range topic {
				env := streamtest.Envelope(t, e)
				if err := streamtest.TryDeliver(t, b.db, "application", b.component.Subscriptions, env); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if got := b.get(id); got.Stage != "CLOSED" || got.Outcome != "REPAID" {
		t.Errorf("ends at %s %s, want CLOSED REPAID", got.Stage, got.Outcome)
	}
	var rows, entries int64
	err := b.db.Pool().QueryRow(context.Background(), `
		select (select count(*) from timeline where application_id = $1), entries from application where id = $1`, id).
		Scan(&rows, &entries)
	if err != nil || rows != entries {
		t.Errorf("%d rows in the timeline, %d counted (%v)", rows, entries, err)
	}
}

// TestTimelineTellsWhatStaffOrdered: what changes a loan stands in its story.
func TestTimelineTellsWhatStaffOrdered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.now = func() time.Time { return instant(0) }
	customer, due := uuid.New(), civil.Date{Year: 2026, Month: 4, Day: 2}
	id := b.apply(customer)
	l := event.OnLoan{LoanID: uuid.New(), ApplicationID: id, CustomerID: customer}
	told := []struct {
		event event.Event
		want  string
	}{
		{
			event.LoanCharged{OnLoan: l, Component: "FEE", Amount: rupees("50"), DueDate: due},
			"A fee of 50.00 INR was charged, due on 2026-04-02.",
		},
		{
			event.LoanWaived{OnLoan: l, ValueDate: due, Component: "PENALTY", Amount: rupees("50")},
			"50.00 INR of penalty was waived.",
		},
		{event.LoanRefunded{OnLoan: l, ValueDate: due, Amount: rupees("30.27")}, "30.27 INR was refunded."},
		{
			event.LoanChargedBack{OnLoan: l, ValueDate: due, Amount: rupees("969.73")},
			"969.73 INR was charged back and is owed again.",
		},
		{
			event.LoanRescheduled{OnLoan: l, ValueDate: due, LastDueDate: due, Outstanding: rupees("900")},
			"A new plan was agreed, with the last instalment on 2026-04-02.",
		},
		{event.LoanChargedOff{OnLoan: l, ValueDate: due, Amount: rupees("5000")}, "The loan was charged off."},
		{event.LoanWrittenOff{OnLoan: l, ValueDate: due, Amount: rupees("0")}, "The loan was written off."},
		{
			event.LoanReopened{OnLoan: l, ValueDate: due, Outstanding: rupees("969.73")},
			"The loan is open again: 969.73 INR is owed.",
		},
	}
	for i, e := range told {
		b.deliverAt(instant(i+1), e.event)
	}
	line := b.timeline(id, "200")
	if len(line.Events) != len(told)+1 || line.Stage != "INPUT" {
		t.Fatalf("%d events at stage %s", len(line.Events), line.Stage)
	}
	for i, e := range told {
		if got := line.Events[i+1]; got.Sentence != e.want || got.Event != e.event.Type() {
			t.Errorf("%s: %q, want %q", got.Event, got.Sentence, e.want)
		}
	}
}
