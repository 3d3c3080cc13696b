package identity

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

// borrower registers a customer and logs in.
func (b *bundle) borrower() (uuid.UUID, answer) {
	b.t.Helper()
	id := b.customer("borrower@example.com", "the right password")
	return id, b.login("borrower@example.com", "the right password").want(http.StatusOK)
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, tokens := b.borrower()
	seen := map[string]bool{tokens.field("refresh_token"): true}
	for range 5 {
		b.clock.advance(time.Hour)
		tokens = b.refresh(tokens.field("refresh_token")).want(http.StatusOK)
		if seen[tokens.field("refresh_token")] {
			t.Fatal("a refresh token was given twice")
		}
		seen[tokens.field("refresh_token")] = true
		actor, err := b.verify(tokens.field("access_token"))
		if err != nil || actor.ID != id {
			t.Fatalf("actor %+v, error %v", actor, err)
		}
	}
	if got, want := tokens.field("refresh_expires_in"), "2.574e+06"; got != want { // 30 days less 5 hours
		t.Errorf("the session lives %s s, want %s", got, want)
	}
	if diff := cmp.Diff([]string{"session.started.v1"}, streamtest.Types(t, b.db)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestReuseEndsTheSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, first := b.borrower()
	other := b.login("borrower@example.com", "the right password").want(http.StatusOK)
	second := b.refresh(first.field("refresh_token")).want(http.StatusOK)
	b.refresh(first.field("refresh_token")).wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	b.refresh(second.field("refresh_token")).wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	b.refresh(first.field("refresh_token")).wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	ended := streamtest.Last[event.SessionEnded](t, b.db)
	if ended.UserID != id || ended.Reason != ReasonReuse {
		t.Errorf("announced %+v", ended)
	}
	wantTypes := []string{"session.started.v1", "session.started.v1", "session.ended.v1"}
	if diff := cmp.Diff(wantTypes, streamtest.Types(t, b.db)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	// Another session of the same account goes on.
	b.refresh(other.field("refresh_token")).want(http.StatusOK)
}

func TestParallelUsesOfOneRefreshToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, tokens := b.borrower()
	const uses = 8
	answers := make([]answer, uses)
	var wait sync.WaitGroup
	for i := range uses {
		wait.Go(func() {
			body := []byte(`{"refresh_token":"` + tokens.field("refresh_token") + `"}`)
			const triesMax = 50 // while others are in the way
			for try := 0; try == 0 || answers[i].status == http.StatusServiceUnavailable && try < triesMax; try++ {
				var err error
				answers[i], err = b.request(http.MethodPost, "/api/v1/auth/refresh", "", "application/json", body)
				if err != nil {
					t.Errorf("use %d: %v", i, err)
				}
			}
		})
	}
	wait.Wait()
	var winners []answer
	for _, a := range answers {
		if a.status == http.StatusOK {
			winners = append(winners, a)
			continue
		}
		a.wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	}
	if len(winners) != 1 {
		t.Fatalf("%d of %d uses succeeded, want 1", len(winners), uses)
	}
	b.refresh(winners[0].field("refresh_token")).wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	if got := streamtest.Last[event.SessionEnded](t, b.db).Reason; got != ReasonReuse {
		t.Errorf("the session ended by %s, want %s", got, ReasonReuse)
	}
}

func TestRefreshTokensThatAreNoGood(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, tokens := b.borrower()
	for name, token := range map[string]string{
		"unknown":         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"an access token": tokens.field("access_token")[:100],
		"SQL":             "' or '1'='1",
	} {
		got := b.refresh(token)
		if got.status != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401", name, got.status)
		}
	}
	b.post("/api/v1/auth/refresh", "", map[string]string{}).want(http.StatusUnprocessableEntity)
	b.post("/api/v1/auth/refresh", "", map[string]string{"refresh_token": "x", "role": "ADMIN"}).
		want(http.StatusUnprocessableEntity)
	b.clock.advance(b.service.cfg.RefreshTTL)
	b.refresh(tokens.field("refresh_token")).wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	// What is over is forgotten, after a while.
	if err := b.service.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.count(`select count(*) from refresh_token`); n != 1 {
		t.Errorf("%d refresh tokens are kept a moment after the end, want 1", n)
	}
	b.clock.advance(forgetAfter + time.Second)
	if err := b.service.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.count(`select (select count(*) from refresh_token) + (select count(*) from login_session)`); n != 0 {
		t.Errorf("%d rows of ended sessions are kept for ever", n)
	}
}

func TestLogoutEndsItsOwnSessionOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, tokens := b.borrower()
	other := b.login("borrower@example.com", "the right password").want(http.StatusOK)
	b.post("/api/v1/auth/logout", tokens.field("access_token"), nil).want(http.StatusNoContent)
	b.post("/api/v1/auth/logout", tokens.field("access_token"), nil).want(http.StatusNoContent)
	b.refresh(tokens.field("refresh_token")).wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	b.refresh(other.field("refresh_token")).want(http.StatusOK)
	ended := 0
	for _, name := range streamtest.Types(t, b.db) {
		if name == "session.ended.v1" {
			ended++
		}
	}
	if got := streamtest.Last[event.SessionEnded](t, b.db).Reason; got != ReasonLogout || ended != 1 {
		t.Errorf("%d ends announced, the last by %s; want 1 by %s", ended, got, ReasonLogout)
	}
	b.post("/api/v1/auth/logout", "", nil).wantProblem(http.StatusUnauthorized, "unauthenticated")
	b.post("/api/v1/auth/logout", "forged", nil).wantProblem(http.StatusUnauthorized, "invalid-token")
}

// TestNobodyEndsAnothersSession asks the rule directly: a token that names
// another's session cannot be had.
func TestNobodyEndsAnothersSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, tokens := b.borrower()
	session := streamtest.Last[event.SessionStarted](t, b.db).FamilyID
	stranger := access.Actor{ID: uuid.New(), Roles: access.Roles}
	if err := b.service.Logout(t.Context(), stranger, session); err != nil {
		t.Fatal(err)
	}
	b.refresh(tokens.field("refresh_token")).want(http.StatusOK)
}

func TestSessionsOfOneAccountAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.customer("borrower@example.com", "the right password")
	account, known, err := b.service.findLogin(t.Context(), mustKey(t, b, "borrower@example.com"))
	if err != nil || !known {
		t.Fatalf("known %t, error %v", known, err)
	}
	var first Tokens
	for i := range sessionsMax + 3 {
		b.clock.advance(time.Second)
		tokens, err := b.service.startSession(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = tokens
		}
	}
	active := b.count(`select count(*) from login_session where account_id = $1 and status = 'ACTIVE'`, id)
	if active != sessionsMax {
		t.Errorf("%d active sessions, want %d", active, sessionsMax)
	}
	b.refresh(first.Refresh).wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	if got := streamtest.Last[event.SessionEnded](t, b.db).Reason; got != ReasonSuperseded {
		t.Errorf("the oldest session ended by %s, want %s", got, ReasonSuperseded)
	}
}

func mustKey(t *testing.T, b *bundle, email privacy.Text) []byte {
	t.Helper()
	key, err := b.service.loginKey(email)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
