package identity

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

func TestACustomerLogsIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.customer("Asha.Rao@example.com", "asha's long password")
	got := b.login("asha.rao@EXAMPLE.com", "asha's long password").want(http.StatusOK)
	actor, err := b.verify(got.field("access_token"))
	if err != nil {
		t.Fatalf("verifying the token: %v", err)
	}
	want := access.Actor{ID: id, Roles: []access.Role{access.Customer}}
	if diff := cmp.Diff(want, actor); diff != "" {
		t.Errorf("actor (-want +got):\n%s", diff)
	}
	if got.field("token_type") != "Bearer" || got.field("expires_in") != "900" {
		t.Errorf("answer is %s", got.body)
	}
	started := streamtest.Last[event.SessionStarted](t, b.db)
	if started.UserID != id || started.FamilyID == uuid.Nil {
		t.Errorf("announced %+v", started)
	}
	err = database.InReadTx(t.Context(), b.db, func(tx database.Tx) error {
		n, err := command.VerifyAudit(t.Context(), tx, started.FamilyID)
		if n != 1 {
			t.Errorf("audit chain of the session has %d rows, want 1", n)
		}
		return err
	})
	if err != nil {
		t.Errorf("audit: %v", err)
	}
}

func TestUnknownAndWrongAreRefusedAlike(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.customer("known@example.com", "the right password")
	wrong := b.login("known@example.com", "the wrong password").wantProblem(http.StatusUnauthorized, "login-refused")
	unknown := b.login("nobody@example.com", "the wrong password").wantProblem(http.StatusUnauthorized, "login-refused")
	strip := func(a answer) string { return strings.ReplaceAll(string(a.body), a.field("instance"), "") }
	if diff := cmp.Diff(strip(wrong), strip(unknown)); diff != "" {
		t.Errorf("the answers tell which e-mail exists (-known +unknown):\n%s", diff)
	}
	if n := b.count(`select count(*) from login_attempt where failures = 1`); n != 2 {
		t.Errorf("%d login names are counted, want both", n)
	}
	if got := streamtest.Types(t, b.db); len(got) != 0 {
		t.Errorf("refused logins announced %v", got)
	}
}

func TestAttemptsAreSlowedDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.customer("victim@example.com", "the right password")
	for _, email := range []string{"victim@example.com", "nobody@example.com"} {
		for range attemptsFree {
			b.login(email, "a wrong password").wantProblem(http.StatusUnauthorized, "login-refused")
		}
		refused := b.login(email, "the right password").wantProblem(http.StatusTooManyRequests, "too-many-attempts")
		if got := refused.header.Get("Retry-After"); got != "1" {
			t.Errorf("%s: Retry-After %q, want 1", email, got)
		}
		b.clock.advance(attemptPauseMin)
		b.login(email, "a wrong password").wantProblem(http.StatusUnauthorized, "login-refused")
		refused = b.login(email, "the right password").wantProblem(http.StatusTooManyRequests, "too-many-attempts")
		if got := refused.header.Get("Retry-After"); got != "2" {
			t.Errorf("%s: Retry-After %q, want 2", email, got)
		}
		b.clock.advance(2 * attemptPauseMin)
	}
	b.login("victim@example.com", "the right password").want(http.StatusOK)
	b.login("victim@example.com", "a wrong password").wantProblem(http.StatusUnauthorized, "login-refused")
	b.login("victim@example.com", "the right password").want(http.StatusOK)
	// The administrator was never slowed down.
	b.admin()
}

func TestAttemptsAreForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range attemptsFree {
		b.login("nobody@example.com", "a wrong password").want(http.StatusUnauthorized)
	}
	b.login("nobody@example.com", "a wrong password").want(http.StatusTooManyRequests)
	b.clock.advance(attemptsRemember + time.Minute)
	for range attemptsFree {
		b.login("nobody@example.com", "a wrong password").want(http.StatusUnauthorized)
	}
	b.clock.advance(forgetAfter + time.Minute)
	if err := b.service.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.count(`select count(*) from login_attempt`); n != 0 {
		t.Errorf("%d attempts are kept for ever", n)
	}
}

func TestParallelGuessesCountBeforeTheyAreChecked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.customer("victim@example.com", "the right password")
	const guesses = 40
	statuses := make([]int, guesses)
	var wait sync.WaitGroup
	for i := range guesses {
		wait.Go(func() {
			got, err := b.request(http.MethodPost, "/api/v1/auth/login", "", "application/json",
				[]byte(`{"email":"victim@example.com","password":"guess number `+strconv.Itoa(i)+`"}`))
			if err != nil {
				t.Errorf("guess %d: %v", i, err)
			}
			statuses[i] = got.status
		})
	}
	wait.Wait()
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
	}
	if counts[http.StatusUnauthorized] > attemptsFree {
		t.Errorf("%d guesses were checked, want at most %d: %v", counts[http.StatusUnauthorized], attemptsFree, counts)
	}
	if counts[http.StatusOK] > 0 || counts[http.StatusUnauthorized] == 0 || counts[http.StatusInternalServerError] > 0 {
		t.Errorf("statuses %v", counts)
	}
}

func TestLoginAMomentAfterRegistration(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.service.refusalTime = 10 * time.Minute
	registration := b.registration(uuid.New(), "late@example.com", "the right password")
	done := make(chan answer, 1)
	go func() {
		got, err := b.request(http.MethodPost, "/api/v1/auth/login", "", "application/json",
			[]byte(`{"email":"late@example.com","password":"the right password"}`))
		if err != nil {
			t.Errorf("logging in: %v", err)
		}
		done <- got
	}()
	for b.count(`select count(*) from login_attempt`) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond) // the first looks at the accounts find nothing
	b.deliver(registration)
	started := time.Now()
	(<-done).want(http.StatusOK)
	if took := time.Since(started); took > 5*time.Minute {
		t.Errorf("the login waited %s after the account was there", took)
	}
}

func TestRefusalsTakeTheSameTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.customer("known@example.com", "the right password")
	const wanted = 400 * time.Millisecond // more than the checks themselves take
	b.service.refusalTime = wanted
	for _, email := range []string{"known@example.com", "nobody@example.com"} {
		started := time.Now()
		b.login(email, "a wrong password").want(http.StatusUnauthorized)
		if took := time.Since(started); took < wanted {
			t.Errorf("%s: refused after %s, want %s", email, took, wanted)
		}
	}
}

func TestBusyHasherRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range hashesAtOnce {
		b.service.hasher.slots <- struct{}{}
	}
	got := b.login("nobody@example.com", "a wrong password").wantProblem(http.StatusServiceUnavailable, "unavailable")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestRegistrationOfATakenLoginName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.customer(adminEmail, "the attacker's password")
	b.login(adminEmail, "the attacker's password").want(http.StatusUnauthorized)
	b.admin()
	if n := b.count(`select count(*) from audit where action = 'identity.login-name-taken'`); n != 1 {
		t.Errorf("%d audit rows tell of it, want 1", n)
	}
}

func TestMalformedRegistrationsAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := uuid.New()
	good := b.registration(id, "x@example.com", "the right password")
	hash := func(text string) event.CustomerRegistered {
		e := good
		e.SealedCredential = b.sealed([]byte(text), "customer.credential:"+id.String())
		return e
	}
	moved := good
	moved.SealedCredential = b.sealed([]byte("x"), "customer.credential:"+uuid.NewString())
	nobody := good
	nobody.SealedContact = b.sealed([]byte(`{"name":"x"}`), "customer.contact:"+id.String())
	salted := "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for name, e := range map[string]event.CustomerRegistered{
		"another hash":      hash("$2a$10$abcdefghijklmnopqrstuu"),
		"plain text":        hash("the right password"),
		"memory bomb":       hash("$argon2id$v=19$m=4194304,t=1,p=1" + salted),
		"time bomb":         hash("$argon2id$v=19$m=65536,t=1000,p=1" + salted),
		"short key":         hash("$argon2id$v=19$m=65536,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"),
		"another person's":  moved,
		"no e-mail":         nobody,
		"unsealed contents": {OnCustomer: good.OnCustomer, SealedCredential: "x", SealedContact: "y"},
	} {
		err := streamtest.TryDeliver(t, b.db, "identity", b.component.Subscriptions, streamtest.Envelope(t, e))
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if err != nil && strings.Contains(err.Error(), "x@example.com") {
			t.Errorf("%s: the error shows the e-mail: %v", name, err)
		}
	}
	if n := b.count(`select count(*) from account where kind = 'CUSTOMER'`); n != 0 {
		t.Errorf("%d accounts were made", n)
	}
}

func TestNothingSecretIsStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.customer("canary-mail@example.com", "canary password of a customer")
	tokens := b.login("canary-mail@example.com", "canary password of a customer").want(http.StatusOK)
	admin := b.admin()
	b.post("/api/v1/admin/users", admin, map[string]any{
		"email": "canary-staff@example.com", "password": "canary password of staff", "roles": []string{"OFFICER"},
	}).want(http.StatusCreated)
	client := b.post("/api/v1/admin/clients", admin, map[string]any{
		"name": "partner", "roles": []string{"PARTNER"},
	}).want(http.StatusCreated)
	stored := b.everything()
	for _, secret := range []string{
		"canary", "root@example.com", adminPassword, tokens.field("refresh_token"), tokens.field("access_token"),
		client.field("client_secret"), "argon2id",
	} {
		if strings.Contains(stored, secret) || strings.Contains(stored, hex.EncodeToString([]byte(secret))) {
			t.Errorf("the database holds %q in the clear", secret)
		}
	}
	if !strings.Contains(stored, client.field("client_id")) {
		t.Error("the search sees nothing at all")
	}
}

func TestAttemptPause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n    int64
		want time.Duration
	}{
		{1, 0},
		{attemptsFree - 1, 0},
		{attemptsFree, attemptPauseMin},
		{attemptsFree + 1, 2 * attemptPauseMin},
		{attemptsFree + 3, 8 * attemptPauseMin},
		{attemptsFree + 20, attemptPauseMax},
		{1 << 40, attemptPauseMax},
	} {
		if got := attemptPause(c.n); got != c.want {
			t.Errorf("attempt %d waits %s, want %s", c.n, got, c.want)
		}
	}
}

func TestTheDecoyCostsWhatARealHashCosts(t *testing.T) {
	t.Parallel()
	params, _, _, err := argon2id.DecodeHash(decoyHash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hashParams, *params); diff != "" {
		t.Errorf("(-real +decoy):\n%s", diff)
	}
	if err := checkHash(decoyHash); err != nil {
		t.Error(err)
	}
}
