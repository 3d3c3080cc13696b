package identity

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

func newUser(email string, roles ...access.Role) map[string]any {
	return map[string]any{"email": email, "password": "a long enough password", "roles": roles}
}

func TestStaffAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.admin()
	got := b.post("/api/v1/admin/users", admin, newUser("officer@example.com", access.Officer, access.Manager)).
		want(http.StatusCreated)
	if got.field("email") != "officer@example.com" || got.field("status") != "ACTIVE" ||
		bytes.Contains(got.body, []byte("password")) || bytes.Contains(got.body, []byte("sealed")) {
		t.Errorf("answer %s", got.body)
	}
	token := b.login("officer@example.com", "a long enough password").want(http.StatusOK).field("access_token")
	actor, err := b.verify(token)
	want := access.Actor{ID: uuid.MustParse(got.field("id")), Roles: []access.Role{access.Officer, access.Manager}}
	if diff := cmp.Diff(want, actor); err != nil || diff != "" {
		t.Errorf("error %v, actor (-want +got):\n%s", err, diff)
	}
	b.post("/api/v1/admin/users", admin, newUser("Officer@Example.com", access.Officer)).
		wantProblem(http.StatusConflict, "name-taken")
}

func TestBadUsersAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.admin()
	before := b.count(`select count(*) from account`)
	for name, body := range map[string]map[string]any{
		"no role":       newUser("x@example.com"),
		"unknown role":  newUser("x@example.com", "GOD"),
		"customer":      newUser("x@example.com", access.Customer),
		"system":        newUser("x@example.com", access.System),
		"repeated role": newUser("x@example.com", access.Officer, access.Officer),
		"no e-mail":     newUser("nothing", access.Officer),
		"weak password": {"email": "x@example.com", "password": "short", "roles": []string{"OFFICER"}},
		"long password": {"email": "x@example.com", "password": strings.Repeat("é", 65), "roles": []string{"OFFICER"}},
		"extra field": {
			"email": "x@example.com", "password": "a long enough password", "roles": []string{"OFFICER"}, "status": "ACTIVE",
		},
	} {
		got := b.post("/api/v1/admin/users", admin, body)
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d, want 422: %s", name, got.status, got.body)
		}
		if strings.Contains(string(got.body), "a long enough password") {
			t.Errorf("%s: the answer repeats the password: %s", name, got.body)
		}
	}
	if after := b.count(`select count(*) from account`); after != before {
		t.Errorf("%d accounts were made by refused requests", after-before)
	}
}

func TestAdministrationIsForAdministrators(t *testing.T) {
	t.Parallel()
	b := setup(t)
	server := httpapitest.New(t, b.component)
	id := uuid.NewString()
	for _, role := range access.Roles {
		if role == access.Admin {
			continue
		}
		client := server.As(uuid.New(), role)
		for path, body := range map[string]any{
			"/api/v1/admin/users":                      newUser("x@example.com", access.Officer),
			"/api/v1/admin/users/" + id + "/disable":   nil,
			"/api/v1/admin/clients":                    map[string]any{"name": "x", "roles": []string{"SYSTEM"}},
			"/api/v1/admin/clients/" + id + "/disable": nil,
			"/api/v1/admin/keys/rotate":                map[string]any{},
		} {
			client.Post(path, body).WantProblem(http.StatusForbidden, "forbidden")
			server.Anonymous().Post(path, body).WantProblem(http.StatusUnauthorized, "unauthenticated")
		}
		client.Get("/api/v1/admin/users").WantProblem(http.StatusForbidden, "forbidden")
		client.Get("/api/v1/admin/clients").WantProblem(http.StatusForbidden, "forbidden")
	}
	admin := server.As(uuid.New(), access.Admin)
	admin.WithKey("-").Post("/api/v1/admin/users", newUser("x@example.com", access.Officer)).
		WantProblem(http.StatusBadRequest, "idempotency-key-missing")
}

func TestUserCreationIsIdempotent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	server := httpapitest.New(t, b.component)
	client := server.As(uuid.New(), access.Admin).WithKey("the key")
	first := client.Post("/api/v1/admin/users", newUser("x@example.com", access.Officer)).Want(http.StatusCreated)
	again := client.Post("/api/v1/admin/users", newUser("x@example.com", access.Officer)).Want(http.StatusCreated)
	if diff := cmp.Diff(string(first.Body), string(again.Body)); diff != "" {
		t.Errorf("the replay differs:\n%s", diff)
	}
	if again.Header.Get("Idempotency-Replayed") != "true" {
		t.Error("the replay is not marked")
	}
	other := newUser("x@example.com", access.Officer)
	other["password"] = "another long password"
	client.Post("/api/v1/admin/users", other).WantProblem(http.StatusUnprocessableEntity, "idempotency-key-reused")
	client.Post("/api/v1/admin/users", newUser("y@example.com", access.Officer)).
		WantProblem(http.StatusUnprocessableEntity, "idempotency-key-reused")

	secret := client.Post("/api/v1/admin/clients", map[string]any{"name": "x", "roles": []string{"SYSTEM"}}).
		Want(http.StatusCreated)
	replay := client.Post("/api/v1/admin/clients", map[string]any{"name": "x", "roles": []string{"SYSTEM"}}).
		Want(http.StatusCreated)
	if !bytes.Contains(secret.Body, []byte("client_secret")) || bytes.Contains(replay.Body, []byte("client_secret")) {
		t.Errorf("first %s, replay %s: want the secret in the first only", secret.Body, replay.Body)
	}
	server.As(uuid.New(), access.Admin).
		Post("/api/v1/admin/clients", map[string]any{"name": "x", "roles": []string{"PARTNER"}}).
		WantProblem(http.StatusConflict, "name-taken")
}

func TestListings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := b.admin()
	b.customer("borrower@example.com", "the right password")
	want := []string{adminEmail}
	for _, name := range []string{"a", "b", "c", "d"} {
		email := name + "@example.com"
		want = append(want, email)
		b.post("/api/v1/admin/users", admin, newUser(email, access.Officer)).want(http.StatusCreated)
	}
	var got []string
	path := "/api/v1/admin/users?limit=2"
	for pages := 1; ; pages++ {
		var page struct {
			Items      []struct{ Email string }
			NextCursor string `json:"next_cursor"`
		}
		answer := b.send(http.MethodGet, path, admin, nil).want(http.StatusOK)
		if err := json.Unmarshal(answer.body, &page); err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			got = append(got, item.Email)
		}
		if page.NextCursor == "" {
			break
		}
		if pages > len(want) {
			t.Fatal("the listing does not end")
		}
		path = "/api/v1/admin/users?limit=2&cursor=" + page.NextCursor
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("staff (-want +got):\n%s", diff)
	}
	b.send(http.MethodGet, "/api/v1/admin/users?cursor=!", admin, nil).want(http.StatusUnprocessableEntity)
	b.program("Acme", access.Partner)
	clients := b.send(http.MethodGet, "/api/v1/admin/clients", admin, nil).want(http.StatusOK)
	if !bytes.Contains(clients.body, []byte("Acme")) || bytes.Contains(clients.body, []byte("secret")) {
		t.Errorf("clients %s", clients.body)
	}
}

func TestADisabledAccountIsOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, tokens := b.borrower()
	admin := b.admin()
	for range 2 { // harmless to repeat
		got := b.post("/api/v1/admin/users/"+id.String()+"/disable", admin, nil).want(http.StatusOK)
		if got.field("status") != "DISABLED" {
			t.Errorf("answer %s", got.body)
		}
	}
	b.login("borrower@example.com", "the right password").wantProblem(http.StatusUnauthorized, "login-refused")
	b.refresh(tokens.field("refresh_token")).wantProblem(http.StatusUnauthorized, "refresh-token-refused")
	ended := streamtest.Last[event.SessionEnded](t, b.db)
	if ended.UserID != id || ended.Reason != ReasonDisabled {
		t.Errorf("announced %+v", ended)
	}
	b.post("/api/v1/admin/users/"+uuid.NewString()+"/disable", admin, nil).wantProblem(http.StatusNotFound, "not-found")
}

func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tokens := []string{b.admin()}
	root, err := b.verify(tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	disable := func(id uuid.UUID, token string) (answer, error) {
		return b.request(http.MethodPost, "/api/v1/admin/users/"+id.String()+"/disable", "Bearer "+token,
			"application/json", nil)
	}
	got, err := disable(root.ID, tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	got.wantProblem(http.StatusConflict, "last-administrator")
	second := b.post("/api/v1/admin/users", tokens[0], newUser("second@example.com", access.Admin)).
		want(http.StatusCreated).field("id")
	tokens = append(tokens, b.login("second@example.com", "a long enough password").field("access_token"))
	// Each disables the other at the same moment: one of them has to stay.
	var wait sync.WaitGroup
	for i, id := range []uuid.UUID{uuid.MustParse(second), root.ID} {
		wait.Go(func() {
			if _, err := disable(id, tokens[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := b.count(`select count(*) from account where kind = 'STAFF' and status = 'ACTIVE'`); n != 1 {
		t.Errorf("%d administrators are left, want 1", n)
	}
}

func TestSeveralProcessesStartAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// As on the first start of all.
	for _, table := range []string{"account", "signing_key", "lookup_key", "audit"} {
		if _, err := b.db.Pool().Exec(t.Context(), "delete from "+table+" where true"); err != nil {
			t.Fatal(err)
		}
	}
	services := make([]*Service, 6)
	var wait sync.WaitGroup
	for i := range services {
		services[i] = newService(b.env())
		wait.Go(func() {
			if err := services[i].start(t.Context()); err != nil {
				t.Errorf("process %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	for _, table := range []string{"account", "signing_key", "lookup_key"} {
		if n := b.count("select count(*) from " + table); n != 1 {
			t.Errorf("%s has %d rows, want 1", table, n)
		}
	}
	for i, s := range services {
		if _, err := s.Login(t.Context(), adminEmail, adminPassword); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
}

func TestBootstrapWithATakenName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, err := b.db.Pool().Exec(t.Context(), `delete from account where true`); err != nil {
		t.Fatal(err)
	}
	b.customer(adminEmail, "the right password")
	if err := newService(b.env()).start(t.Context()); err == nil {
		t.Error("the service starts without an administrator")
	}
}
