package repayment

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/internal/upload/uploadtest"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

func (f *fixture) prove(client *httpapitest.Client, payment uuid.UUID, form uploadtest.Form) *httpapitest.Answer {
	f.t.Helper()
	body, contentType := form.Encode(f.t)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost,
		f.http.URL()+"/api/v1/payments/"+payment.String()+"/proof", bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	return client.Do(request)
}

func receipt(t *testing.T) uploadtest.Form {
	t.Helper()
	return uploadtest.Form{Name: "receipt.png", ContentType: "image/png", Content: uploadtest.PNG(t)}
}

func (f *fixture) verify(client *httpapitest.Client, payment uuid.UUID, decision, reason string) *httpapitest.Answer {
	f.t.Helper()
	body := map[string]string{"decision": decision}
	if reason != "" {
		body["reason"] = reason
	}
	return client.Post("/api/v1/payments/"+payment.String()+"/verify", body)
}

func TestADeclaredPaymentIsProvenAndVerified(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	declared := f.pay(f.owner, f.body("969.73"))
	if declared.Status != "DECLARED" || declared.Split != nil {
		t.Fatalf("declared %+v", declared)
	}
	before := loandbtest.Loan(t, f.db, f.loan)
	f.verify(f.officer, declared.PaymentID, "APPROVE", "").WantProblem(http.StatusConflict, "payment-proof")
	f.owner.Get("/api/v1/payments/"+declared.PaymentID.String()+"/proof").
		WantProblem(http.StatusConflict, "payment-proof")
	key := f.owner.WithKey("proof-1")
	first := f.prove(key, declared.PaymentID, receipt(t)).Want(http.StatusOK)
	again := f.prove(key, declared.PaymentID, receipt(t)).Want(http.StatusOK)
	if string(first.Body) != string(again.Body) || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again %s, first %s", again.Body, first.Body)
	}
	f.prove(f.owner, declared.PaymentID, receipt(t)).WantProblem(http.StatusConflict, "payment-proof")
	if diff := cmp.Diff(before.Version, loandbtest.Loan(t, f.db, f.loan).Version); diff != "" {
		t.Errorf("a proof changed the loan:\n%s", diff)
	}
	download := f.officer.Get("/api/v1/payments/" + declared.PaymentID.String() + "/proof").Want(http.StatusOK)
	if !bytes.Equal(download.Body, uploadtest.PNG(t)) || download.Header.Get("Content-Type") != "image/png" {
		t.Errorf("download of %s, %d bytes", download.Header.Get("Content-Type"), len(download.Body))
	}
	var posted paymentAnswer
	f.verify(f.officer, declared.PaymentID, "APPROVE", "seen on the account").Want(http.StatusOK).Into(&posted)
	if posted.Status != "POSTED" || posted.Split["principal"] != rupees("719.73") {
		t.Errorf("posted %+v", posted)
	}
	f.verify(f.officer, declared.PaymentID, "APPROVE", "").WantProblem(http.StatusConflict, "payment-decided")
	f.prove(f.owner, declared.PaymentID, receipt(t)).WantProblem(http.StatusConflict, "payment-decided")
	if diff := cmp.Diff([]string{"payment.received.v1", "payment.verified.v1"}, streamtest.Types(t, f.db)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	f.noLooseBlobs()
	loandbtest.TieOut(t, f.db, f.loan)
}

func (f *fixture) noLooseBlobs() {
	f.t.Helper()
	var n int
	loandbtest.InTx(f.t, f.db, func(ctx context.Context, tx database.Tx) error {
		return tx.QueryRow(ctx, `select count(*) from loose_blob`).Scan(&n)
	})
	if n != 0 {
		f.t.Errorf("%d blobs are loose", n)
	}
}

func TestARejectedPaymentLeavesTheLoanAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	declared := f.pay(f.owner, f.body("5"))
	f.verify(f.officer, declared.PaymentID, "REJECT", "").
		WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "body.reason")
	before := loandbtest.Loan(t, f.db, f.loan).Version
	var answer paymentAnswer
	f.verify(f.officer, declared.PaymentID, "REJECT", "no such transfer").Want(http.StatusOK).Into(&answer)
	if answer.Status != "REJECTED" || answer.Split != nil {
		t.Errorf("answer %+v", answer)
	}
	if rejected := streamtest.Last[event.PaymentRejected](t, f.db); rejected.Reason != "no such transfer" {
		t.Errorf("event %+v", rejected)
	}
	if after := loandbtest.Loan(t, f.db, f.loan).Version; after != before {
		t.Errorf("the loan went from version %d to %d", before, after)
	}
	f.verify(f.officer, declared.PaymentID, "APPROVE", "").WantProblem(http.StatusConflict, "payment-decided")
	f.verify(f.officer, uuid.New(), "APPROVE", "").WantProblem(http.StatusNotFound, "payment-not-found")
	for _, role := range access.Roles {
		if role != access.Officer {
			f.verify(f.http.As(f.customer, role), declared.PaymentID, "REJECT", "x").
				WantProblem(http.StatusForbidden, "forbidden")
		}
	}
}

func TestProofsThatAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	declared := f.pay(f.owner, f.body("5"))
	stranger := f.http.As(uuid.New(), access.Customer)
	f.prove(stranger, declared.PaymentID, receipt(t)).WantProblem(http.StatusNotFound, "payment-not-found")
	f.prove(f.officer, declared.PaymentID, receipt(t)).WantProblem(http.StatusNotFound, "payment-not-found")
	f.prove(f.owner, uuid.New(), receipt(t)).WantProblem(http.StatusNotFound, "payment-not-found")
	stranger.Get("/api/v1/payments/"+declared.PaymentID.String()+"/proof").
		WantProblem(http.StatusNotFound, "payment-not-found")
	program := uploadtest.Form{
		Name: "receipt.pdf", ContentType: "application/pdf", Content: []byte("MZ\x90\x00" + strings.Repeat("x", 600)),
	}
	f.prove(f.owner, declared.PaymentID, program).WantProblem(http.StatusUnsupportedMediaType, "file-type")
	noFile := receipt(t)
	noFile.NoFile = true
	f.prove(f.owner, declared.PaymentID, noFile).WantProblem(http.StatusUnprocessableEntity, "validation")
	large := uploadtest.Form{Name: "receipt.pdf", ContentType: "application/pdf", Content: uploadtest.Padded(11 << 20)}
	f.prove(f.owner, declared.PaymentID, large).WantProblem(http.StatusRequestEntityTooLarge, "body-too-large")
	f.noLooseBlobs()
	f.verify(f.officer, declared.PaymentID, "APPROVE", "").WantProblem(http.StatusConflict, "payment-proof")
}

func TestDeclaredPaymentsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range DeclaredMax {
		f.pay(f.owner, f.body("1"))
	}
	f.unchanged(func() {
		f.owner.Post("/api/v1/payments", f.body("1")).WantProblem(http.StatusConflict, "too-many-payments")
	})
	f.pay(f.partner, f.body("1")) // others are not held up
}

// While a declared payment waits somebody else pays the loan off.
func TestADeclaredPaymentOfAClosedLoanCannotBePosted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	declared := f.pay(f.owner, f.body("5"))
	f.prove(f.owner, declared.PaymentID, receipt(t)).Want(http.StatusOK)
	f.pay(f.partner, f.body("25000"))
	f.unchanged(func() {
		f.verify(f.officer, declared.PaymentID, "APPROVE", "").WantProblem(http.StatusConflict, "loan-not-active")
	})
	f.verify(f.officer, declared.PaymentID, "REJECT", "the loan is closed").Want(http.StatusOK)
	loandbtest.TieOut(t, f.db, f.loan)
}
