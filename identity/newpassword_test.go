package identity

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

const (
	passwordPath  = "/api/v1/auth/password"
	forgottenPath = passwordPath + "/forgotten"
	resetPath     = passwordPath + "/reset"

	email       = "asha@example.com"
	oldPassword = "asha's long password"
	newPassword = "asha's longer password"
)

func change(current, next string) map[string]string {
	return map[string]string{"current_password": current, "new_password": next}
}

func reset(code, next string) map[string]string {
	return map[string]string{"code": code, "new_password": next}
}

// wantField holds that a problem names a field of the body.
func (a answer) wantField(name string) {
	a.t.Helper()
	if !strings.Contains(string(a.body), `"location":"body.`+name+`"`) {
		a.t.Errorf("the problem does not name %s: %s", name, a.body)
	}
}

func TestChangingAPasswordEndsEverySession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.customer(email, oldPassword)
	other := b.login(email, oldPassword).want(http.StatusOK)
	mine := b.login(email, oldPassword).want(http.StatusOK)
	fresh := b.post(passwordPath, mine.field("access_token"), change(oldPassword, newPassword)).want(http.StatusOK)
	for _, old := range []answer{other, mine} {
		b.refresh(old.field("refresh_token")).wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	}
	b.refresh(fresh.field("refresh_token")).want(http.StatusOK)
	if actor, err := b.verify(fresh.field("access_token")); err != nil || actor.ID != id {
		t.Errorf("the new token is %v's (%v)", actor.ID, err)
	}
	b.login(email, oldPassword).wantProblem(http.StatusUnauthorized, "login-refused")
	b.login(email, newPassword).want(http.StatusOK)
	if told := streamtest.Last[event.PasswordChanged](t, b.db); told.UserID != id {
		t.Errorf("announced %+v", told)
	}
	if n := b.count(`select count(*) from audit where action = 'identity.change-password' and stream = $1`, id); n != 1 {
		t.Errorf("%d rows in the audit trail, want 1", n)
	}
	for _, secret := range []string{oldPassword, newPassword} {
		if strings.Contains(b.everything(), secret) {
			t.Errorf("the database shows %q", secret)
		}
	}
}

func TestAPasswordIsChangedByWhoKnowsIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.customer(email, oldPassword)
	got := b.login(email, oldPassword).want(http.StatusOK)
	token, refresh := got.field("access_token"), got.field("refresh_token")
	b.post(passwordPath, "", change(oldPassword, newPassword)).wantProblem(http.StatusUnauthorized, "unauthenticated")
	b.post(passwordPath, token, change("a wrong password", newPassword)).
		wantProblem(http.StatusUnprocessableEntity, "password-wrong").wantField("current_password")
	for _, next := range []string{oldPassword, "short", strings.Repeat("é", 65)} {
		b.post(passwordPath, token, change(oldPassword, next)).
			wantProblem(http.StatusUnprocessableEntity, "validation").wantField("new_password")
	}
	for range attemptsFree {
		b.post(passwordPath, token, change("a wrong password", newPassword))
	}
	b.post(passwordPath, token, change(oldPassword, newPassword)).
		wantProblem(http.StatusTooManyRequests, "too-many-attempts")
	b.clock.advance(attemptPauseMax)
	b.refresh(refresh).want(http.StatusOK) // nothing has changed
	b.login(email, oldPassword).want(http.StatusOK)
}

func TestOfTwoChangesAtOnceOneHolds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.customer(email, oldPassword)
	token := b.login(email, oldPassword).want(http.StatusOK).field("access_token")
	passwords := []string{"the first new password", "the second new password", "the third new password"}
	answers := make([]answer, len(passwords))
	var group sync.WaitGroup
	for i, next := range passwords {
		group.Go(func() { answers[i] = b.post(passwordPath, token, change(oldPassword, next)) })
	}
	group.Wait()
	held := 0
	for i, got := range answers {
		if got.status == http.StatusOK {
			held++
			b.login(email, passwords[i]).want(http.StatusOK)
			continue
		}
		if got.status != http.StatusConflict && got.status != http.StatusUnprocessableEntity {
			t.Errorf("status %d: %s", got.status, got.body)
		}
		b.login(email, passwords[i]).wantProblem(http.StatusUnauthorized, "login-refused")
	}
	if held != 1 {
		t.Errorf("%d changes held, want 1", held)
	}
}

// resetCode opens the code that was last sent.
func (b *bundle) resetCode(owner uuid.UUID) string {
	b.t.Helper()
	sent := streamtest.Last[event.ResetCodeIssued](b.t, b.db)
	if sent.UserID != owner {
		b.t.Fatalf("the last code is %s's, want one of %s", sent.UserID, owner)
	}
	code, err := b.service.keyring.Open(sent.SealedCode, resetPlace(owner))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(code)
}

func (b *bundle) forget(email string) {
	b.t.Helper()
	b.post(forgottenPath, "", map[string]string{"email": email}).want(http.StatusAccepted)
}

func TestAForgottenPasswordIsSetByCode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.customer(email, oldPassword)
	session := b.login(email, oldPassword).want(http.StatusOK)
	for range attemptsFree {
		b.login(email, "a guess by somebody")
	}
	b.forget(" Asha@Example.COM ")
	code := b.resetCode(id)
	if strings.Contains(b.everything(), code) {
		t.Error("the database shows the code")
	}
	b.login(email, oldPassword) // asking for a code changes nothing
	b.refresh(session.field("refresh_token")).want(http.StatusOK)
	b.post(resetPath, "", reset(code, "short")).
		wantProblem(http.StatusUnprocessableEntity, "validation").wantField("new_password")
	typed := strings.ToLower(code[:6]) + " " + code[6:]
	fresh := b.post(resetPath, "", reset(typed, newPassword)).want(http.StatusOK)
	if actor, err := b.verify(fresh.field("access_token")); err != nil || actor.ID != id {
		t.Errorf("the new token is %v's (%v)", actor.ID, err)
	}
	b.post(resetPath, "", reset(code, "one more new password")).
		wantProblem(http.StatusUnprocessableEntity, "reset-code-refused").wantField("code")
	b.login(email, newPassword).want(http.StatusOK) // no longer slowed down
	b.login(email, oldPassword).wantProblem(http.StatusUnauthorized, "login-refused")
	if n := b.count(`select count(*) from login_session where account_id = $1 and status = 'ACTIVE'`, id); n != 2 {
		t.Errorf("%d sessions, want those since the reset", n)
	}
}

func TestCodesEndAndAreFew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.customer(email, oldPassword)
	b.forget(email)
	first := b.resetCode(id)
	b.forget(email)
	if again := b.resetCode(id); again != first {
		t.Error("a second code was sent at once")
	}
	b.clock.advance(resetPause)
	b.forget(email)
	second := b.resetCode(id)
	if second == first {
		t.Fatal("no second code was sent after the pause")
	}
	b.post(resetPath, "", reset(first, newPassword)).wantProblem(http.StatusUnprocessableEntity, "reset-code-refused")
	b.clock.advance(resetTTL)
	b.post(resetPath, "", reset(second, newPassword)).wantProblem(http.StatusUnprocessableEntity, "reset-code-refused")
	b.clock.advance(forgetAfter + time.Second)
	if err := b.service.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.count(`select count(*) from password_reset`); n != 0 {
		t.Errorf("%d codes are kept, want 0", n)
	}
	b.login(email, oldPassword).want(http.StatusOK)
}

// TestACodeIsVoidOnceThePasswordChanged: whoever reads old mail gets nowhere.
func TestACodeIsVoidOnceThePasswordChanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.customer(email, oldPassword)
	b.forget(email)
	code := b.resetCode(id)
	token := b.login(email, oldPassword).want(http.StatusOK).field("access_token")
	b.post(passwordPath, token, change(oldPassword, newPassword)).want(http.StatusOK)
	b.post(resetPath, "", reset(code, "one more new password")).
		wantProblem(http.StatusUnprocessableEntity, "reset-code-refused")
}

func TestNobodyElseGetsACode(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.customer(email, oldPassword)
	admin := b.admin()
	b.post("/api/v1/admin/users/"+id.String()+"/disable", admin, nil).want(http.StatusOK)
	for _, address := range []string{"nobody@example.com", adminEmail, email} {
		b.forget(address)
	}
	if n := b.count(`select count(*) from password_reset`); n != 0 {
		t.Errorf("%d codes were issued, want none", n)
	}
	b.post(resetPath, "", reset(strings.Repeat("A", 26), newPassword)).
		wantProblem(http.StatusUnprocessableEntity, "reset-code-refused")
	b.post(forgottenPath, "", map[string]string{"email": "no address"}).
		wantProblem(http.StatusUnprocessableEntity, "validation").wantField("email")
}

// TestADisabledAccountGetsNoNewPassword: neither by a code from before nor by a
// token that still lives.
func TestADisabledAccountGetsNoNewPassword(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.customer(email, oldPassword)
	token := b.login(email, oldPassword).want(http.StatusOK).field("access_token")
	b.forget(email)
	code := b.resetCode(id)
	b.post("/api/v1/admin/users/"+id.String()+"/disable", b.admin(), nil).want(http.StatusOK)
	b.post(resetPath, "", reset(code, newPassword)).wantProblem(http.StatusUnprocessableEntity, "reset-code-refused")
	b.post(passwordPath, token, change(oldPassword, newPassword)).
		wantProblem(http.StatusUnprocessableEntity, "password-wrong")
}

func TestAnAdministratorSetsThePasswordOfStaff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	borrower := b.customer(email, oldPassword)
	admin := b.admin()
	made := b.post("/api/v1/admin/users", admin, map[string]any{
		"email": "officer@example.com", "password": "first password of the officer", "roles": []string{"OFFICER"},
	}).want(http.StatusCreated)
	session := b.login("officer@example.com", "first password of the officer").want(http.StatusOK)
	path := func(id string) string { return "/api/v1/admin/users/" + id + "/password" }
	set := map[string]string{"password": "second password of the officer"}
	b.post(path(made.field("id")), session.field("access_token"), set).wantProblem(http.StatusForbidden, "forbidden")
	for _, id := range []string{borrower.String(), uuid.NewString()} {
		b.post(path(id), admin, set).wantProblem(http.StatusNotFound, "not-found")
	}
	b.post(path(made.field("id")), admin, map[string]string{"password": "short"}).
		wantProblem(http.StatusUnprocessableEntity, "validation").wantField("password")
	got := b.post(path(made.field("id")), admin, set).want(http.StatusOK)
	if got.field("email") != "officer@example.com" {
		t.Errorf("answer is %s", got.body)
	}
	b.refresh(session.field("refresh_token")).wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	b.login("officer@example.com", "first password of the officer").
		wantProblem(http.StatusUnauthorized, "login-refused")
	token := b.login("officer@example.com", "second password of the officer").want(http.StatusOK).field("access_token")
	b.post(passwordPath, token, change("second password of the officer", "the officer's own password")).
		want(http.StatusOK)
}
