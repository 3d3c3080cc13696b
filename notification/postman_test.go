package notification

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
)

// fakeSender keeps what it is given, and fails as the test says.
type fakeSender struct {
	mu      sync.Mutex
	letters []Letter
	fail    error
	hold    chan struct{} // when not nil, Send waits for it
}

func (*fakeSender) Name() string { return "fake" }

func (f *fakeSender) Send(_ context.Context, letter Letter) error {
	f.mu.Lock()
	f.letters = append(f.letters, letter)
	fail, hold := f.fail, f.hold
	f.mu.Unlock()
	if hold != nil {
		<-hold
	}
	return fail
}

func (f *fakeSender) sent() []Letter {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Letter(nil), f.letters...)
}

func (b *bench) withSender(f *fakeSender) {
	for _, c := range Channels {
		b.service.senders[c] = f
	}
}

func (b *bench) prefer(channels ...string) {
	b.t.Helper()
	b.owner().Put("/api/v1/notifications/preferences", map[string]any{"channels": channels}).Want(http.StatusOK)
}

func (b *bench) deliverDue() {
	b.t.Helper()
	if err := b.service.deliverDue(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

// die makes the service forget what it has in hand, as a process does that is killed.
func (b *bench) die() { b.service.hand.take() }

// process is another process of the service with the sender.
func (b *bench) process(f *fakeSender) *Service {
	b.t.Helper()
	other, err := newService(b.env)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range Channels {
		other.senders[c] = f
	}
	return other
}

func TestDeliveriesReachTheirAddresses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.withSender(sender)
	b.prefer("EMAIL", "SMS", "PUSH")
	b.deliver(b.registered(asha))
	b.deliverDue()
	b.deliverDue() // nothing is left
	got := map[Channel]string{}
	for _, letter := range sender.sent() {
		got[letter.Channel] = letter.To.Reveal() + ": " + letter.Title.Reveal()
	}
	want := map[Channel]string{
		Email: "asha@example.org: Welcome", SMS: "+911234567890: Welcome",
		Push: b.customer.CustomerID.String() + ": Welcome",
	}
	if diff := cmp.Diff(want, got); diff != "" || len(sender.sent()) != 3 {
		t.Errorf("%d letters (-want +got):\n%s", len(sender.sent()), diff)
	}
	if diff := cmp.Diff([]string{"EMAIL SENT", "PUSH SENT", "SMS SENT"}, b.states()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if via := b.history().Items[0].Deliveries[0].Via; via != "fake" {
		t.Errorf("via %q", via)
	}
}

func TestFailuresAreTriedAgainUntilGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{fail: &SendError{Text: "line is busy", Cause: errors.New("secret of the server")}}
	b.withSender(sender)
	b.prefer("EMAIL")
	b.deliver(b.registered(asha))
	for attempt := 1; attempt <= AttemptsMax; attempt++ {
		b.deliverDue()
		b.deliverDue() // not due again yet
		d := b.history().Items[0].Deliveries[0]
		state := "PENDING"
		if attempt == AttemptsMax {
			state = "FAILED"
		}
		if len(sender.sent()) != attempt || d.Attempts != attempt || d.State != state || d.Fault != "line is busy" {
			t.Fatalf("attempt %d: %d letters, delivery %+v, want %s", attempt, len(sender.sent()), d, state)
		}
		b.pass(backoff(attempt))
	}
	b.pass(24 * time.Hour)
	b.deliverDue()
	if n := len(sender.sent()); n != AttemptsMax {
		t.Errorf("%d attempts, want %d", n, AttemptsMax)
	}
	ids := map[string]bool{}
	for _, letter := range sender.sent() {
		ids[letter.ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("attempts of one delivery have %d ids", len(ids))
	}
}

func TestRecoveryAfterFailure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{fail: errors.New("password in the clear")}
	b.withSender(sender)
	b.deliver(b.registered(asha))
	b.deliverDue()
	if d := b.history().Items[0].Deliveries[0]; d.Fault != "internal fault" || d.State != "PENDING" {
		t.Errorf("unknown failure is shown as %+v", d)
	}
	sender.fail = nil
	b.pass(backoff(1))
	b.deliverDue()
	if diff := cmp.Diff([]string{"EMAIL SENT", "SMS SENT"}, b.states()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestFinalFailures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{fail: &SendError{Text: "no such mailbox", Final: true}}
	b.withSender(sender)
	b.deliver(b.registered(event.Contact{Email: asha.Email})) // and no phone
	b.deliverDue()
	if diff := cmp.Diff([]string{"EMAIL FAILED", "SMS FAILED"}, b.states()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	got := b.history().Items[0].Deliveries
	if got[0].Fault != "no such mailbox" || got[1].Fault != "the contact has no such address" || len(sender.sent()) != 1 {
		t.Errorf("deliveries %+v, %d letters", got, len(sender.sent()))
	}
}

// TestContactMayComeLater: a message to somebody whom nobody knows how to reach is
// not tried in vain, and goes out as soon as that is known.
func TestContactMayComeLater(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.withSender(sender)
	b.deliver(event.AgreementGenerated{OnApplication: b.application()})
	b.deliverDue()
	if diff := cmp.Diff([]string{"EMAIL PENDING", "SMS PENDING"}, b.states()); diff != "" {
		t.Errorf("states before the contact (-want +got):\n%s", diff)
	}
	if d := b.history().Items[0].Deliveries[0]; d.Fault != noContact || d.Attempts != 0 {
		t.Errorf("delivery before the contact: %+v", d)
	}
	b.pass(time.Second)
	b.deliver(b.registered(asha))
	b.deliverDue()
	if n := len(sender.sent()); n != 4 {
		t.Errorf("%d letters, want two messages by two channels", n)
	}
}

// TestContactThatNeverComes: such a delivery is given up as others are.
func TestContactThatNeverComes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.withSender(sender)
	b.prefer("EMAIL")
	b.deliver(event.AgreementGenerated{OnApplication: b.application()})
	b.pass(contactWait)
	for attempt := 1; attempt <= AttemptsMax; attempt++ {
		b.deliverDue()
		b.pass(backoff(attempt))
	}
	d := b.history().Items[0].Deliveries[0]
	if d.State != "FAILED" || d.Attempts != AttemptsMax || d.Fault != noContact || len(sender.sent()) != 0 {
		t.Errorf("delivery %+v, %d letters", d, len(sender.sent()))
	}
}

// TestManyPostmen has several processes deliver what another one left: each letter
// is sent once.
func TestManyPostmen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.deliver(b.registered(asha))
	const messages = 30
	for range messages - 1 {
		b.deliver(event.AgreementGenerated{OnApplication: b.application()})
	}
	b.die()
	b.pass(leaseFor)
	var wait sync.WaitGroup
	for range 4 {
		process := b.process(sender)
		wait.Go(func() {
			if err := process.deliverDue(context.Background()); err != nil && !errors.Is(err, database.ErrContention) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	b.withSender(sender)
	b.deliverDue()
	counts := map[string]int{}
	for _, letter := range sender.sent() {
		counts[letter.ID]++
		if counts[letter.ID] > 1 {
			t.Errorf("delivery %s was made twice", letter.ID)
		}
	}
	if len(counts) != 2*messages {
		t.Errorf("%d letters, want %d", len(counts), 2*messages)
	}
}

// TestHandIsBounded: what finds no room in hand is stored without a lease, and
// found by whoever looks.
func TestHandIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.service.hand.put(make([]claimed, handMax-1)) // of other messages
	b.deliver(b.registered(asha))                  // by two channels
	if n := len(b.service.hand.take()); n != handMax-1 {
		t.Fatalf("%d deliveries in hand, want %d", n, handMax-1)
	}
	if err := b.process(sender).deliverDue(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(sender.sent()); n != 2 {
		t.Errorf("%d letters by another process, want 2", n)
	}
}

// TestStoppingLetsGo: another process goes on at once with what one had in hand
// when it was stopped, and no attempt is lost.
func TestStoppingLetsGo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.deliver(b.registered(asha))
	if err := b.component.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := b.process(sender).deliverDue(context.Background()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"EMAIL SENT", "SMS SENT"}, b.states()); diff != "" || len(sender.sent()) != 2 {
		t.Errorf("%d letters, states (-want +got):\n%s", len(sender.sent()), diff)
	}
	if n := b.history().Items[0].Deliveries[0].Attempts; n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
}

// TestLateInHandIsLetGo: a delivery is not begun when its lease could end before
// that is recorded.
func TestLateInHandIsLetGo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.withSender(sender)
	b.prefer("EMAIL")
	b.deliver(b.registered(asha))
	b.pass(leaseFor - sendTimeout + time.Second)
	if err := b.service.deliverHand(context.Background()); err != nil {
		t.Fatal(err)
	}
	d := b.history().Items[0].Deliveries[0]
	if len(sender.sent()) != 0 || d.State != "PENDING" || d.Attempts != 0 {
		t.Fatalf("%d letters, delivery %+v", len(sender.sent()), d)
	}
	b.deliverDue()
	if d := b.history().Items[0].Deliveries[0]; len(sender.sent()) != 1 || d.State != "SENT" || d.Attempts != 1 {
		t.Errorf("%d letters, delivery %+v", len(sender.sent()), d)
	}
}

// TestLeaseOfDeadProcessRunsOut: what a process claimed and never recorded is
// delivered by another one, and the first can no longer record.
func TestLeaseOfDeadProcessRunsOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.withSender(sender)
	b.prefer("EMAIL")
	b.deliver(b.registered(asha))
	born := b.service.hand.take() // and the process dies
	if len(born) != 1 {
		t.Fatalf("%d deliveries in hand, want 1", len(born))
	}
	b.deliverDue()
	if n := len(sender.sent()); n != 0 {
		t.Fatalf("%d letters while the lease holds", n)
	}
	b.pass(leaseFor)
	var slow []claimed
	err := database.InTx(context.Background(), b.db, func(tx database.Tx) error {
		var err error
		slow, err = claimDeliveries(context.Background(), tx, b.service.newLease(), b.service.now(), claimMax)
		return err
	})
	if err != nil || len(slow) != 1 {
		t.Fatalf("claimed %d deliveries: %v", len(slow), err)
	}
	b.wantLost(born[0]) // while another process is at it
	b.pass(leaseFor)
	b.deliverDue()
	if n := len(sender.sent()); n != 1 {
		t.Fatalf("%d letters after the lease ended, want 1", n)
	}
	b.wantLost(slow[0]) // after another process has done it
	if d := b.history().Items[0].Deliveries[0]; d.State != "SENT" || d.Attempts != 3 {
		t.Errorf("delivery %+v", d)
	}
}

func (b *bench) wantLost(d claimed) {
	b.t.Helper()
	ctx := context.Background()
	err := database.InTx(ctx, b.db, func(tx database.Tx) error {
		recorded, err := recordAttempts(ctx, tx, []attempted{{claimed: d, State: Failed}})
		if recorded > 0 {
			b.t.Error("a lost lease recorded its result")
		}
		return err
	})
	if err != nil {
		b.t.Error(err)
	}
}

// TestCrashLoopEnds: attempts that never report are counted too.
func TestCrashLoopEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.withSender(sender)
	b.prefer("EMAIL")
	b.deliver(b.registered(asha))
	b.die()
	b.pass(leaseFor)
	if _, err := b.db.Pool().Exec(context.Background(), `update delivery set attempts = $1`, AttemptsMax); err != nil {
		t.Fatal(err)
	}
	b.deliverDue()
	if d := b.history().Items[0].Deliveries[0]; d.State != "FAILED" || d.Fault != "given up" || len(sender.sent()) != 0 {
		t.Errorf("delivery %+v, %d letters", d, len(sender.sent()))
	}
}

func TestQuietHoursDelayAllButUrgentMessages(t *testing.T) {
	t.Parallel()
	b := setup(t) // noon in UTC is 17:30 in Kolkata
	sender := &fakeSender{}
	b.withSender(sender)
	b.deliver(b.registered(asha))
	b.deliverDue()
	b.owner().Put("/api/v1/notifications/preferences", map[string]any{
		"channels":    []string{"EMAIL"},
		"quiet_hours": map[string]string{"from": "17:00", "until": "08:00", "zone": "Asia/Kolkata"},
	}).Want(http.StatusOK)
	before := len(sender.sent())
	b.deliver(event.AgreementGenerated{OnApplication: b.application()})
	code := b.seal([]byte("493817"), "agreement.code:"+b.customer.CustomerID.String())
	b.deliver(event.SigningCodeIssued{OnApplication: b.application(), SealedCode: code})
	b.deliverDue()
	if got := sender.sent()[before:]; len(got) != 1 || got[0].Title.Reveal() != "Your signing code" {
		t.Fatalf("%d letters in quiet hours, want the urgent one", len(got))
	}
	b.pass(14*time.Hour + 29*time.Minute) // 07:59 in Kolkata
	b.deliverDue()
	if n := len(sender.sent()) - before; n != 1 {
		t.Errorf("%d letters a minute before the quiet ends, want 1", n)
	}
	b.pass(time.Minute)
	b.deliverDue()
	if n := len(sender.sent()) - before; n != 2 {
		t.Errorf("%d letters when the quiet has ended, want 2", n)
	}
}

// TestAResetCodeIsMailedWhateverIsPreferred: who cannot log in cannot ask for
// e-mail either.
func TestAResetCodeIsMailedWhateverIsPreferred(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.withSender(sender)
	b.deliver(b.registered(asha))
	b.deliverDue()
	b.owner().Put("/api/v1/notifications/preferences", map[string]any{"channels": []string{}}).Want(http.StatusOK)
	before := len(sender.sent())
	id := b.customer.CustomerID
	b.deliver(event.PasswordChanged{OnUser: event.OnUser{UserID: id}}, event.ResetCodeIssued{
		OnUser: event.OnUser{UserID: id}, SealedCode: b.seal([]byte("SECRET"), "identity.reset_code:"+id.String()),
	})
	b.deliverDue()
	got := sender.sent()[before:]
	if len(got) != 1 || got[0].Title.Reveal() != "Your code for a new password" || got[0].To.Reveal() != asha.Email {
		t.Errorf("%d letters, want the code by e-mail: %+v", len(got), got)
	}
}

func TestQuietHoursAfter(t *testing.T) {
	t.Parallel()
	night := QuietHours{From: "22:00", Until: "07:00", Zone: "UTC"}
	noon := QuietHours{From: "12:00", Until: "13:30", Zone: "Europe/Berlin"} // UTC+1 in November
	tests := []struct {
		quiet     QuietHours
		now, want string
	}{
		{QuietHours{}, "2026-11-23T23:00:00Z", "2026-11-23T23:00:00Z"},
		{night, "2026-11-23T21:59:59Z", "2026-11-23T21:59:59Z"},
		{night, "2026-11-23T22:00:00Z", "2026-11-24T07:00:00Z"},
		{night, "2026-12-31T23:30:00Z", "2027-01-01T07:00:00Z"},
		{night, "2026-11-24T06:59:59Z", "2026-11-24T07:00:00Z"},
		{night, "2026-11-24T07:00:00Z", "2026-11-24T07:00:00Z"},
		{noon, "2026-11-23T10:59:00Z", "2026-11-23T10:59:00Z"},
		{noon, "2026-11-23T11:00:00Z", "2026-11-23T12:30:00Z"},
		{noon, "2026-11-23T12:30:00Z", "2026-11-23T12:30:00Z"},
	}
	for _, test := range tests {
		now, err := time.Parse(time.RFC3339, test.now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := test.quiet.after(now)
		if err != nil {
			t.Fatal(err)
		}
		if got.Format(time.RFC3339) != test.want {
			t.Errorf("%+v at %s: %s, want %s", test.quiet, test.now, got.Format(time.RFC3339), test.want)
		}
	}
}

func TestTaskWakesAndStops(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sender := &fakeSender{}
	b.withSender(sender)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.component.Tasks[0].Run(ctx) }()
	b.deliver(b.registered(asha))
	deadline := time.Now().Add(5 * time.Minute)
	for len(sender.sent()) < 2 {
		if time.Now().After(deadline) {
			t.Fatal("the task delivers nothing")
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
