package customer_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/privacy/privacytest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/origination/customer"
)

const registerPath = "/api/v1/customers/register"

// bundle is the service under test on a database of its own.
type bundle struct {
	t         *testing.T
	db        *database.DB
	env       *app.Env
	component *app.Component
	server    *httpapitest.Server
}

func setup(t *testing.T) *bundle {
	t.Helper()
	db := dbtest.New(t, "customer")
	env := httpapitest.Env(t, "customer", db)
	env.Now = func() time.Time { return time.Date(2026, 3, 2, 10, 30, 0, 0, time.UTC) }
	component, err := customer.New(env)
	if err != nil {
		t.Fatal(err)
	}
	return &bundle{t: t, db: db, env: env, component: component, server: httpapitest.New(t, component)}
}

func asha() map[string]any {
	return map[string]any{
		"email": "Asha.Canary@Example.com", "phone": "+919812345670", "full_name": "Asha Canarywala",
		"date_of_birth": "1990-04-23", "password": "correct horse battery",
	}
}

func identity() map[string]any {
	return map[string]any{
		"national_id": map[string]any{"type": "TAX_ID", "number": "CNRYX1234F", "country": "IN"},
		"address": map[string]any{
			"line1": "14 Canary Lake Road", "city": "Canarypur", "region": "Maharashtra", "postal_code": "411991",
			"country": "IN",
		},
		"nationality": "IN", "occupation": "Canary breeder", "employment": "SELF_EMPLOYED",
	}
}

// canaries are the values of asha and identity that must be nowhere in plain text.
var canaries = []string{
	"asha.canary@example.com", "9812345670", "Canarywala", "1990-04-23", "correct horse battery",
	"CNRYX1234F", "Canary Lake", "Canarypur", "411991", "Canary breeder",
}

// with returns a copy of body with one value changed; a dot goes one level down.
func with(body map[string]any, path string, value any) map[string]any {
	out := maps.Clone(body)
	head, rest, nested := strings.Cut(path, ".")
	if nested {
		inner, _ := out[head].(map[string]any)
		value = with(inner, rest, value)
	}
	out[head] = value
	return out
}

func (b *bundle) register(body any) uuid.UUID {
	b.t.Helper()
	var registered struct {
		CustomerID uuid.UUID `json:"id"`
	}
	b.server.Anonymous().Post(registerPath, body).Want(http.StatusCreated).Into(&registered)
	return registered.CustomerID
}

// count returns how many rows every table that a request could write to has.
func (b *bundle) count() map[string]int64 {
	b.t.Helper()
	counts := make(map[string]int64)
	for _, table := range []string{"customer", "subject_key", "outbox", "audit", "idempotency"} {
		var n int64
		err := b.db.Pool().QueryRow(context.Background(), "select count(*) from "+table).Scan(&n)
		if err != nil {
			b.t.Fatal(err)
		}
		counts[table] = n
	}
	return counts
}

func path(id uuid.UUID, what string) string { return "/api/v1/customers/" + id.String() + "/" + what }

func TestRegister(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var registered struct {
		CustomerID   uuid.UUID `json:"id"`
		RegisteredAt time.Time `json:"registered_at"`
	}
	answer := b.server.Anonymous().Post(registerPath, asha()).Want(http.StatusCreated).Into(&registered)
	if got, want := answer.Header.Get("Location"), path(registered.CustomerID, "profile"); got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	if !registered.RegisteredAt.Equal(b.env.Now()) {
		t.Errorf("registered at %s, want %s", registered.RegisteredAt, b.env.Now())
	}

	announced := streamtest.Last[event.CustomerRegistered](t, b.db)
	if announced.CustomerID != registered.CustomerID {
		t.Errorf("announced %s, want %s", announced.CustomerID, registered.CustomerID)
	}
	id := registered.CustomerID.String()
	credential, err := b.env.Keyring.Open(announced.SealedCredential, "customer.credential:"+id)
	if err != nil {
		t.Fatal(err)
	}
	matches, err := argon2id.ComparePasswordAndHash("correct horse battery", string(credential))
	if err != nil || !matches {
		t.Errorf("credential %s does not match the password: %v", credential, err)
	}
	contact, err := b.env.Keyring.Open(announced.SealedContact, "customer.contact:"+id)
	if err != nil {
		t.Fatal(err)
	}
	var got event.Contact
	if err := json.Unmarshal(contact, &got); err != nil {
		t.Fatal(err)
	}
	want := event.Contact{Email: "asha.canary@example.com", Phone: "+919812345670", Name: "Asha Canarywala"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contact (-want +got):\n%s", diff)
	}
	if _, err := b.env.Keyring.Open(announced.SealedContact, "customer.contact:"+uuid.NewString()); err == nil {
		t.Error("the contact opens for another customer")
	}
}

func TestRegisterOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	client := b.server.Anonymous().WithKey("first-try")
	first := client.Post(registerPath, asha()).Want(http.StatusCreated)
	before := b.count()
	again := client.Post(registerPath, asha()).Want(http.StatusCreated)
	if string(first.Body) != string(again.Body) || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated: %s (replayed %q), want %s", again.Body, again.Header.Get("Idempotency-Replayed"), first.Body)
	}
	// The password leaves no trace, so the key cannot stand for it either.
	other := client.Post(registerPath, with(asha(), "password", "another password")).Want(http.StatusCreated)
	if string(first.Body) != string(other.Body) {
		t.Errorf("with another password: %s, want %s", other.Body, first.Body)
	}
	client.Post(registerPath, with(asha(), "full_name", "Somebody Else")).
		WantProblem(http.StatusUnprocessableEntity, "idempotency-key-reused")
	b.server.Anonymous().Post(registerPath, with(asha(), "email", "ASHA.CANARY@example.COM")).
		WantProblem(http.StatusConflict, "email-taken")
	b.server.Anonymous().WithKey("-").Post(registerPath, with(asha(), "email", "b@example.com")).
		WantProblem(http.StatusBadRequest, "idempotency-key-missing")
	if diff := cmp.Diff(before, b.count()); diff != "" {
		t.Errorf("refused registrations left traces (-before +after):\n%s", diff)
	}
	b.register(with(asha(), "email", "another@example.com"))
}

// TestRegisterRace sends one e-mail address at once many times: one account.
func TestRegisterRace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const clients = 6
	statuses := make(chan int, clients)
	for range clients {
		go func() { statuses <- b.server.Anonymous().Patient().Post(registerPath, asha()).Status }()
	}
	got := make(map[int]int)
	for range clients {
		got[<-statuses]++
	}
	want := map[int]int{http.StatusCreated: 1, http.StatusConflict: clients - 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tests := []struct {
		name, field string
		value       any
		location    string
	}{
		{"e-mail without domain", "email", "asha", "body.email"},
		{"e-mail with a name around it", "email", "Asha <asha@example.com>", "body.email"},
		{"e-mail without a dot", "email", "asha@localhost", "body.email"},
		{"e-mail too long", "email", strings.Repeat("a", 250) + "@example.com", "body.email"},
		{"national phone number", "phone", "09812345670", "body.phone"},
		{"phone with letters", "phone", "+9198123ABCDE", "body.phone"},
		{"no letters in the name", "full_name", "  123  ", "body.full_name"},
		{"line break in the name", "full_name", "Asha\x00Rao", "body.full_name"},
		{"name too long", "full_name", strings.Repeat("é", 201), "body.full_name"},
		{"not a date", "date_of_birth", "1990-02-30", "body.date_of_birth"},
		{"eighteen tomorrow", "date_of_birth", "2008-03-03", "body.date_of_birth"},
		{"born in the future", "date_of_birth", "2030-01-01", "body.date_of_birth"},
		{"older than anyone", "date_of_birth", "1870-01-01", "body.date_of_birth"},
		{"short password", "password", "elevenchars", "body.password"},
		{"endless password", "password", strings.Repeat("x", 129), "body.password"},
		{"password is the e-mail address", "password", "asha.canary@EXAMPLE.com", "body.password"},
		{"wrong type", "phone", 42, "body.phone"},
		{"unknown field", "role", "ADMIN", "body.role"},
	}
	before := b.count()
	for _, tc := range tests {
		t.Log(tc.name)
		answer := b.server.Anonymous().Post(registerPath, with(asha(), tc.field, tc.value))
		problem := answer.WantProblem(http.StatusUnprocessableEntity, "validation")
		problem.WantField(t, tc.location)
		if text, ok := tc.value.(string); ok && strings.Contains(string(answer.Body), text) {
			t.Errorf("the answer repeats the value: %s", answer.Body)
		}
	}
	missing := asha()
	delete(missing, "password")
	b.server.Anonymous().Post(registerPath, missing).WantProblem(http.StatusUnprocessableEntity, "validation")
	b.server.Anonymous().Post(registerPath, "{").WantProblem(http.StatusBadRequest, "malformed-request")
	if diff := cmp.Diff(before, b.count()); diff != "" {
		t.Errorf("refused registrations left traces (-before +after):\n%s", diff)
	}
	b.register(with(asha(), "date_of_birth", "2008-03-02")) // eighteen today
}

type profile struct {
	CustomerID   uuid.UUID      `json:"id"`
	Email        string         `json:"email"`
	Phone        string         `json:"phone"`
	Name         string         `json:"full_name"`
	DateOfBirth  civil.Date     `json:"date_of_birth"`
	KYCStatus    string         `json:"kyc_status"`
	SubmittedAt  *time.Time     `json:"kyc_submitted_at"`
	RegisteredAt time.Time      `json:"registered_at"`
	Identity     map[string]any `json:"identity"`
}

func TestProfile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.register(asha())
	want := profile{
		CustomerID: id, Email: "asha.canary@example.com", Phone: "+919812345670", Name: "Asha Canarywala",
		DateOfBirth: civil.Date{Year: 1990, Month: 4, Day: 23}, KYCStatus: "NONE", RegisteredAt: b.env.Now(),
	}
	var got profile
	owner := b.server.As(id, access.Customer)
	owner.Get(path(id, "profile")).Want(http.StatusOK).Into(&got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}

	owner.Put(path(id, "kyc"), identity()).Want(http.StatusOK)
	submitted := b.env.Now()
	want.KYCStatus, want.Identity, want.SubmittedAt = "SUBMITTED", identity(), &submitted
	for _, role := range access.Staff {
		got = profile{}
		b.server.As(uuid.New(), role).Get(path(id, "profile")).Want(http.StatusOK).Into(&got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("profile for %s (-want +got):\n%s", role, diff)
		}
	}
}

func TestProfileIsNobodyElses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.register(asha())
	other := b.register(with(asha(), "email", "other@example.com"))
	before := b.count()
	for _, role := range access.Roles {
		client := b.server.As(other, role)
		if role == access.Customer || role == access.System || role == access.Partner || role == access.Finance {
			client.Get(path(id, "profile")).WantProblem(http.StatusNotFound, "customer-not-found")
		}
		client.Put(path(id, "kyc"), identity()).WantProblem(http.StatusNotFound, "customer-not-found")
	}
	// A token that has the owner's id but not the role of a borrower is no owner.
	b.server.As(id, access.Partner).Get(path(id, "profile")).WantProblem(http.StatusNotFound, "customer-not-found")
	b.server.Anonymous().Get(path(id, "profile")).WantProblem(http.StatusUnauthorized, "unauthenticated")
	b.server.Anonymous().Put(path(id, "kyc"), identity()).WantProblem(http.StatusUnauthorized, "unauthenticated")
	stranger := uuid.New()
	b.server.As(stranger, access.Customer).Put(path(stranger, "kyc"), identity()).
		WantProblem(http.StatusNotFound, "customer-not-found")
	b.server.As(stranger, access.Officer).Get(path(stranger, "profile")).
		WantProblem(http.StatusNotFound, "customer-not-found")
	b.server.As(id, access.Customer).Get("/api/v1/customers/not-an-id/profile").
		WantProblem(http.StatusUnprocessableEntity, "validation")
	if diff := cmp.Diff(before, b.count()); diff != "" {
		t.Errorf("refused requests left traces (-before +after):\n%s", diff)
	}
}

func TestSubmitIdentityRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.register(asha())
	owner := b.server.As(id, access.Customer)
	tests := []struct {
		name, field string
		value       any
	}{
		{"number with markup", "national_id.number", "<script>"},
		{"number too short", "national_id.number", "A1"},
		{"unknown kind", "national_id.type", "LIBRARY_CARD"},
		{"country that does not exist", "national_id.country", "ZZ"},
		{"three-letter country", "address.country", "IND"},
		{"country in lower case", "address.country", "in"},
		{"former country", "nationality", "SU"},
		{"street of digits only", "address.line1", "1234"},
		{"city with a control character", "address.city", "Pu\tne"},
		{"postal code with markup", "address.postal_code", "4110'1"},
		{"no occupation", "occupation", ""},
		{"unknown employment", "employment", "PIRATE"},
		{"endless employer", "employer", strings.Repeat("x", 121)},
		{"unknown field", "address.planet", "Earth"},
	}
	before := b.count()
	for _, tc := range tests {
		t.Log(tc.name)
		owner.Put(path(id, "kyc"), with(identity(), tc.field, tc.value)).
			WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body."+tc.field)
	}
	if diff := cmp.Diff(before, b.count()); diff != "" {
		t.Errorf("refused identity data left traces (-before +after):\n%s", diff)
	}
}

// TestIdentityCanBeCorrectedUntilApproved follows identity data to the point
// from which they stand.
func TestIdentityCanBeCorrectedUntilApproved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.register(asha())
	owner := b.server.As(id, access.Customer)
	owner.Put(path(id, "kyc"), identity()).Want(http.StatusOK)
	corrected := with(identity(), "address.city", "Mumbai")
	owner.Put(path(id, "kyc"), corrected).Want(http.StatusOK)
	wantTypes := []string{"customer.registered.v1", "customer.kyc.submitted.v1", "customer.kyc.submitted.v1"}
	if diff := cmp.Diff(wantTypes, streamtest.Types(t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}

	approved := event.KYCApproved{
		OnApplication: event.OnApplication{ApplicationID: uuid.New(), CustomerID: id}, ManagerID: uuid.New(),
	}
	streamtest.Deliver(t, b.db, "customer", b.component.Subscriptions, approved, approved)
	before := b.count()
	owner.Put(path(id, "kyc"), identity()).WantProblem(http.StatusConflict, "identity-approved")
	if diff := cmp.Diff(before, b.count()); diff != "" {
		t.Errorf("the refused change left traces (-before +after):\n%s", diff)
	}
	var got profile
	owner.Get(path(id, "profile")).Want(http.StatusOK).Into(&got)
	if got.KYCStatus != "VERIFIED" {
		t.Errorf("status %s, want VERIFIED", got.KYCStatus)
	}
	if diff := cmp.Diff(corrected, got.Identity); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}

	var rows int64
	err := database.InReadTx(t.Context(), b.db, func(tx database.Tx) error {
		var err error
		rows, err = command.VerifyAudit(t.Context(), tx, id)
		return err
	})
	if err != nil || rows != 5 { // register, two submissions, approved twice
		t.Errorf("audit chain has %d rows (%v), want 5", rows, err)
	}
}

func TestApprovalOfAStrangerIsAnError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	approved := streamtest.Envelope(t, event.KYCApproved{OnApplication: event.OnApplication{CustomerID: uuid.New()}})
	err := streamtest.TryDeliver(t, b.db, "customer", b.component.Subscriptions, approved)
	if err == nil {
		t.Error("the approval of an unknown customer was accepted in silence")
	}
}

func TestNothingPersonalIsStoredInPlainText(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.register(asha())
	b.server.As(id, access.Customer).Put(path(id, "kyc"), identity()).Want(http.StatusOK)
	b.server.Anonymous().Post(registerPath, with(asha(), "email", "ASHA.canary@example.com")).Want(http.StatusConflict)
	privacytest.WantAbsent(t, b.db, canaries...)
}

// TestErasure destroys one person's key: the data are gone, the row stays.
func TestErasure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.register(asha())
	kept := b.register(with(asha(), "email", "kept@example.com"))
	_, err := b.db.Pool().Exec(t.Context(), `delete from subject_key where customer_id = $1`, id)
	if err != nil {
		t.Fatal(err)
	}
	officer := b.server.As(uuid.New(), access.Officer)
	officer.Get(path(id, "profile")).WantProblem(http.StatusGone, "customer-erased")
	b.server.As(id, access.Customer).Put(path(id, "kyc"), identity()).WantProblem(http.StatusGone, "customer-erased")
	officer.Get(path(kept, "profile")).Want(http.StatusOK)
}

// TestDocumentation makes the API as the documentation does: without a database.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	component, err := customer.New(httpapitest.Env(t, "customer", nil))
	if err != nil {
		t.Fatal(err)
	}
	httpapitest.New(t, component)
}
