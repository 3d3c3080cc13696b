package ledgersvc_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestPendingEntries(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.post(entry("2026-03-01", "cash", "wallet", "10.00"))
	available := func() string {
		var b struct{ Available map[string]string }
		d.finance.Get(base + "/accounts/wallet/balance").Want(http.StatusOK).Into(&b)
		return b.Available["amount"]
	}
	pend := func(amount string) (id string) {
		body := entry("2026-03-01", "wallet", "cash", amount)
		body["expires_at"] = time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		var p struct{ ID, State string }
		d.finance.Post(base+"/pending-entries", body).Want(http.StatusCreated).Into(&p)
		if p.State != "OPEN" {
			t.Errorf("a new pending entry is %s", p.State)
		}
		return p.ID
	}
	id := pend("8.00")
	if got := available(); got != "2.00" {
		t.Errorf("available %s, want 2.00", got)
	}
	d.finance.Post(base+"/pending-entries", entry("2026-03-01", "wallet", "cash", "2.01")).
		WantProblem(http.StatusConflict, "limit-exceeded").WantField(t, "body.lines[0].amount")
	part := object{"lines": []object{line("DEBIT", "wallet", "3.00"), line("CREDIT", "cash", "3.00")}}
	client := d.finance.WithKey("settle-1")
	var p posted
	client.Post(base+"/pending-entries/"+id+"/post", part).Want(http.StatusOK).Into(&p)
	if again := client.Post(base+"/pending-entries/"+id+"/post", part).Want(http.StatusOK); again.Header.
		Get("Idempotency-Replayed") != "true" {
		t.Error("the same request again is not marked as a replay")
	}
	d.finance.Get(base + "/entries/" + p.ID).Want(http.StatusOK)
	if got := available(); got != "7.00" {
		t.Errorf("available %s after a part was posted, want 7.00", got)
	}
	d.finance.Post(base+"/pending-entries/"+id+"/post", object{}).WantProblem(http.StatusConflict, "pending-resolved")
	d.finance.Post(base+"/pending-entries/"+id+"/void", nil).WantProblem(http.StatusConflict, "pending-resolved")
	var stored object
	d.finance.Get(base + "/pending-entries/" + id).Want(http.StatusOK).Into(&stored)
	if stored["state"] != "POSTED" || stored["entry_id"] != p.ID {
		t.Errorf("stored: %v", stored)
	}
	id = pend("7.00")
	d.finance.Post(base+"/pending-entries/"+id+"/void", nil).Want(http.StatusOK).Into(&stored)
	if stored["state"] != "VOIDED" || available() != "7.00" {
		t.Errorf("after voiding: %v, available %s", stored, available())
	}
	d.finance.Post(base+"/pending-entries/"+uuid.NewString()+"/void", nil).
		WantProblem(http.StatusNotFound, "not-in-ledger")
}
