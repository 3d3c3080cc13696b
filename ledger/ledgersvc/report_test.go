package ledgersvc_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
)

func TestReportsAgree(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.post(entry("2026-02-27", "cash", "capital", "1000.00"))
	d.post(entry("2026-03-01", "cash", "wallet", "25.00"))
	d.post(entry("2026-03-02", "wallet", "income", "5.00"))
	var trial struct {
		Balanced bool `json:"balanced"`
		Rows     []struct {
			Code    string            `json:"gl_code"`
			Balance map[string]string `json:"balance"`
		} `json:"rows"`
		Totals []struct {
			Debits     map[string]string `json:"debits"`
			Difference map[string]string `json:"difference"`
		} `json:"totals"`
	}
	d.finance.Get(base + "/trial-balance").Want(http.StatusOK).Into(&trial)
	got := map[string]string{}
	for _, row := range trial.Rows {
		got[row.Code] = row.Balance["amount"]
	}
	want := map[string]string{"1000": "1025.00", "2000": "20.00", "3000": "1000.00", "4000": "5.00"}
	if diff := cmp.Diff(want, got); diff != "" || !trial.Balanced {
		t.Errorf("balanced %t; rows (-want +got):\n%s", trial.Balanced, diff)
	}
	if trial.Totals[0].Debits["amount"] != "1030.00" || trial.Totals[0].Difference["amount"] != "0.00" {
		t.Errorf("totals %+v", trial.Totals)
	}
	var general struct {
		Rows []struct {
			Code                              string `json:"gl_code"`
			Opening, Debits, Credits, Closing map[string]string
			OpeningBalance                    map[string]string `json:"opening_balance"`
			ClosingBalance                    map[string]string `json:"closing_balance"`
		} `json:"rows"`
	}
	d.finance.Get(base + "/general-ledger?from=2026-03-01&to=2026-03-01").Want(http.StatusOK).Into(&general)
	first := general.Rows[0]
	if first.Code != "1000" || first.OpeningBalance["amount"] != "1000.00" || first.Debits["amount"] != "25.00" ||
		first.Credits["amount"] != "0.00" || first.ClosingBalance["amount"] != "1025.00" {
		t.Errorf("cash on 1 March: %+v", first)
	}
	d.finance.Get(base+"/general-ledger?from=2026-03-02&to=2026-03-01").WantProblem(422, "validation")
	d.finance.Get(base+"/general-ledger").WantProblem(422, "validation")
	var sheet struct {
		Currencies []map[string]any `json:"currencies"`
	}
	d.finance.Get(base + "/balance-sheet").Want(http.StatusOK).Into(&sheet)
	wantSheet := []map[string]any{{
		"currency": "INR", "assets": rupees("1025.00"), "liabilities": rupees("20.00"), "equity": rupees("1000.00"),
		"earnings": rupees("5.00"), "difference": rupees("0.00"),
	}}
	if diff := cmp.Diff(wantSheet, sheet.Currencies); diff != "" {
		t.Errorf("balance sheet (-want +got):\n%s", diff)
	}
}

func TestClosedPeriods(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.post(entry("2026-02-10", "cash", "income", "10.00"))
	d.finance.Post(base+"/periods/close", object{"through": "2026-02-28", "reason": "month end"}).Want(http.StatusOK)
	d.finance.Post(base+"/periods/close", object{"through": "2026-02-28", "reason": "again"}).
		WantProblem(422, "rejected").WantField(t, "body.through")
	late := entry("2026-02-15", "cash", "income", "1.00")
	d.finance.Post(base+"/entries", late).WantProblem(409, "period-closed").WantField(t, "body.booking_date")
	late["booking_date"] = "2026-03-01"
	d.post(late)
	trial := func(basis string) string {
		var body struct {
			Rows []struct {
				Balance map[string]string `json:"balance"`
			} `json:"rows"`
		}
		d.finance.Get(base + "/trial-balance?effective=2026-02-28&basis=" + basis).Want(http.StatusOK).Into(&body)
		return body.Rows[0].Balance["amount"]
	}
	if effective, booking := trial("EFFECTIVE"), trial("BOOKING"); effective != "11.00" || booking != "10.00" {
		t.Errorf("February by effective date %s, by booking date %s; want 11.00 and 10.00", effective, booking)
	}
	d.finance.Post(base+"/periods/reopen", object{"through": "2026-01-31", "reason": "auditor"}).Want(http.StatusOK)
	d.post(entry("2026-02-15", "cash", "income", "1.00"))
	var periods struct {
		Through string `json:"closed_through"`
		Events  []struct {
			Action, Reason string
			Totals         []object
		} `json:"events"`
	}
	d.finance.Get(base + "/periods").Want(http.StatusOK).Into(&periods)
	if periods.Through != "2026-01-31" || len(periods.Events) != 2 || periods.Events[1].Reason != "month end" ||
		len(periods.Events[1].Totals) != 1 {
		t.Errorf("periods: %+v", periods)
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.finance.Post(base+"/accounts", object{"code": "x", "name": "X", "gl_code": "9", "currency": "INR"}).
		WantProblem(422, "rejected").WantField(t, "body.gl_code")
	d.finance.Post(base+"/accounts", object{"code": "x", "name": "X", "gl_code": "1000", "currency": "XXX"}).
		WantProblem(422, "rejected").WantField(t, "body.currency")
	d.finance.Post(base+"/accounts", object{"code": "cash", "name": "X", "gl_code": "1000", "currency": "USD"}).
		WantProblem(409, "account-differs")
	var account object
	d.finance.Get(base + "/accounts/wallet").Want(http.StatusOK).Into(&account)
	if account["type"] != "LIABILITY" || account["normal_side"] != "CREDIT" || account["closed"] != false {
		t.Errorf("wallet: %v", account)
	}
	d.finance.Get(fmt.Sprint(base, "/accounts/", account["id"])).Want(http.StatusOK)
	d.finance.Get(base+"/accounts/none").WantProblem(404, "not-in-ledger")
	d.post(entry("2026-03-01", "cash", "wallet", "1.00"))
	d.finance.Post(base+"/accounts/wallet/close", nil).WantProblem(409, "account-not-empty")
	d.post(entry("2026-03-01", "wallet", "cash", "1.00"))
	d.finance.Post(base+"/accounts/wallet/close", nil).Want(http.StatusOK).Into(&account)
	if account["closed"] != true {
		t.Error("the account is not closed")
	}
	d.finance.Post(base+"/entries", entry("2026-03-01", "cash", "wallet", "1.00")).WantProblem(409, "account-closed")
	d.finance.Post(base+"/accounts/wallet/reopen", nil).Want(http.StatusOK)
	d.post(entry("2026-03-01", "cash", "wallet", "1.00"))
	var list struct {
		Items []struct{ Code string } `json:"items"`
		Next  string                  `json:"next_cursor"`
	}
	d.finance.Get(base + "/accounts?limit=3").Want(http.StatusOK).Into(&list)
	codes := fmt.Sprint(list.Items)
	d.finance.Get(base + "/accounts?limit=3&cursor=" + list.Next).Want(http.StatusOK).Into(&list)
	if codes += fmt.Sprint(list.Items); codes != "[{capital} {cash} {income}][{wallet}]" {
		t.Errorf("accounts %s", codes)
	}
	d.finance.Get(base + "/accounts?gl_code=1000&prefix=ca&currency=INR").Into(&list)
	if got := fmt.Sprint(list.Items); got != "[{cash}]" {
		t.Errorf("filtered accounts %s", got)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	d := open(t)
	body := entry("2026-03-01", "cash", "income", "1.00")
	for _, role := range access.Roles {
		client := d.server.As(uuid.New(), role)
		read, write := http.StatusForbidden, http.StatusForbidden
		switch role {
		case access.Finance, access.System:
			read, write = http.StatusOK, http.StatusCreated
		case access.Admin:
			read = http.StatusOK
		default:
		}
		if got := client.Get(base + "/trial-balance").Status; got != read {
			t.Errorf("%s reads: %d, want %d", role, got, read)
		}
		if got := client.Post(base+"/entries", body).Status; got != write {
			t.Errorf("%s posts: %d, want %d", role, got, write)
		}
	}
	d.server.Anonymous().Get(base+"/trial-balance").WantProblem(http.StatusUnauthorized, "unauthenticated")
}
