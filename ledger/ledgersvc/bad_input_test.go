package ledgersvc_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBadInput sends everything that must not be booked, alone and amid sound
// entries of a batch, and finds nothing booked: not even half of it.
func TestBadInput(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.account("gone", "1000", "NONE")
	d.finance.Post(base+"/accounts/gone/close", nil).Want(http.StatusOK)
	d.finance.Post(base+"/accounts", object{"code": "usd", "name": "Dollars", "gl_code": "1000", "currency": "USD"}).
		Want(http.StatusCreated)
	d.finance.Post(base+"/periods/close", object{"through": "2026-01-31", "reason": "month end"}).Want(http.StatusOK)
	sound := entry("2026-03-01", "cash", "income", "1.00")
	with := func(lines ...object) object {
		return object{"kind": "TEST", "effective_date": "2026-03-01", "lines": lines}
	}
	dollars := func(account string) object {
		return object{"side": "DEBIT", "account": account, "amount": object{"amount": "1.00", "currency": "USD"}}
	}
	largest := "10000000000000.00"
	overflow := with()
	many := func(n int, amount string) []object {
		lines := make([]object, n)
		for i := range lines {
			lines[i] = line("DEBIT", "cash", amount)
		}
		return lines
	}
	overflow["lines"] = many(9_300, largest) // 9,223 of them fit into 64 bits
	tooMany := with()
	tooMany["lines"] = many(10_001, "1.00")
	late := entry("2026-01-15", "cash", "income", "1.00")
	for _, c := range []struct {
		name   string
		body   object
		status int
		slug   string
		field  string // below the entry
	}{
		{"unbalanced", with(line("DEBIT", "cash", "5.00"), line("CREDIT", "income", "4.99")), 422, "rejected", "lines"},
		{"unbalanced by currency", with(dollars("usd"), line("CREDIT", "cash", "1.00")), 422, "rejected", "lines"},
		{"no lines", with(), 422, "validation", "lines"},
		{"one line", with(line("DEBIT", "cash", "5.00")), 422, "validation", "lines"},
		{"10,001 lines", tooMany, 422, "validation", "lines"},
		{
			"unknown account", with(line("DEBIT", "cash", "5.00"), line("CREDIT", "nowhere", "5.00")),
			422, "rejected", "lines[1].account",
		},
		{
			"closed account", with(line("DEBIT", "gone", "5.00"), line("CREDIT", "income", "5.00")),
			409, "account-closed", "lines[0].account",
		},
		{
			"wrong currency", with(dollars("cash"), object{
				"side": "CREDIT", "account": "usd", "amount": object{"amount": "1.00", "currency": "USD"},
			}), 422, "rejected", "lines[0].amount",
		},
		{"zero", entry("2026-03-01", "cash", "income", "0.00"), 422, "rejected", "lines[0].amount"},
		{"negative", entry("2026-03-01", "cash", "income", "-1.00"), 422, "rejected", "lines[0].amount"},
		{"too large", entry("2026-03-01", "cash", "income", "10000000000000.01"), 422, "rejected", "lines[0].amount"},
		{
			"beyond 64 bits", entry("2026-03-01", "cash", "income", "92233720368547758.08"),
			422, "validation", "lines[0].amount.amount",
		},
		{"a sum beyond 64 bits", overflow, 422, "rejected", "lines[9223].amount"},
		{"closed period", late, 409, "period-closed", "booking_date"},
		{"over the limit", entry("2026-03-01", "wallet", "cash", "1.00"), 409, "limit-exceeded", "lines[0].amount"},
		{"no kind", object{"effective_date": "2026-03-01", "lines": sound["lines"]}, 422, "validation", "kind"},
		{"no such date", entry("2026-02-30", "cash", "income", "1.00"), 422, "validation", "effective_date"},
	} {
		t.Log(c.name)
		d.finance.Post(base+"/entries", c.body).WantProblem(c.status, c.slug).WantField(t, "body."+c.field)
		pending := d.finance.Post(base+"/pending-entries", c.body)
		if c.name != "closed period" { // what is only announced is booked later
			pending.WantProblem(c.status, c.slug).WantField(t, "body."+c.field)
		}
		if c.field == "lines[9223].amount" || c.name == "10,001 lines" {
			continue // with others it is beyond the size of a request
		}
		batch := object{"atomic": true, "entries": []object{sound, c.body, sound}}
		d.finance.Post(base+"/entries/batch", batch).WantProblem(c.status, c.slug).
			WantField(t, "body.entries[1]."+c.field)
	}
	if got := len(d.list("/entries").Items); got != 0 {
		t.Errorf("%d entries are booked", got)
	}
	for _, account := range []string{"cash", "income", "wallet", "usd"} {
		if got := d.balance(account, ""); got != "0.00" {
			t.Errorf("%s holds %s", account, got)
		}
	}
}

// TestBadSettlements posts and voids pending entries that have ended, exceeds
// them, and reuses keys with another body.
func TestBadSettlements(t *testing.T) {
	t.Parallel()
	d := open(t)
	announce := func() string {
		var p struct{ ID string }
		d.finance.Post(base+"/pending-entries", entry("2026-03-01", "cash", "income", "10.00")).Want(http.StatusCreated).
			Into(&p)
		return base + "/pending-entries/" + p.ID
	}
	voided := announce()
	d.finance.Post(voided+"/void", nil).Want(http.StatusOK)
	d.finance.Post(voided+"/post", object{}).WantProblem(409, "pending-resolved").WantField(t, "body.state")
	held := announce()
	more := object{"lines": []object{line("DEBIT", "cash", "10.01"), line("CREDIT", "income", "10.01")}}
	d.finance.Post(held+"/post", more).WantProblem(422, "rejected").WantField(t, "body.lines[0].amount")
	aside := object{"lines": []object{line("DEBIT", "cash", "1.00"), line("CREDIT", "capital", "1.00")}}
	d.finance.Post(held+"/post", aside).WantProblem(422, "rejected").WantField(t, "body.lines[1].amount")
	crooked := object{"lines": []object{line("DEBIT", "cash", "2.00"), line("CREDIT", "income", "1.00")}}
	d.finance.Post(held+"/post", crooked).WantProblem(422, "rejected").WantField(t, "body.lines")
	past := entry("2026-03-01", "cash", "income", "1.00")
	past["expires_at"] = "2020-01-01T00:00:00Z"
	d.finance.Post(base+"/pending-entries", past).WantProblem(422, "rejected").WantField(t, "body.expires_at")
	if got := d.balance("cash", ""); got != "0.00" {
		t.Errorf("cash %s after nothing but refusals", got)
	}
	client := d.finance.WithKey("once")
	client.Post(held+"/post", object{}).Want(http.StatusOK)
	client.Post(held+"/post", aside).WantProblem(422, "idempotency-key-reused")
	client.Post(base+"/entries", entry("2026-03-01", "cash", "income", "1.00")).Want(http.StatusCreated)
	client.Post(base+"/entries", entry("2026-03-02", "cash", "income", "1.00")).WantProblem(422, "idempotency-key-reused")
	client.Post(base+"/entries/batch", object{"entries": []object{entry("2026-03-01", "cash", "income", "1.00")}}).
		Want(http.StatusOK)
	var answer struct {
		Results []struct{ Status, Code string }
	}
	client.Post(base+"/entries/batch", object{"entries": []object{entry("2026-03-01", "cash", "income", "3.00")}}).
		Want(http.StatusOK).Into(&answer)
	if diff := cmp.Diff("[{REJECTED KEY_REUSED}]", fmt.Sprint(answer.Results)); diff != "" {
		t.Error(diff)
	}
	if got := d.balance("cash", ""); got != "12.00" {
		t.Errorf("cash %s, want 12.00", got)
	}
}
