package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/client"
)

const reconciliation = "/api/v1/ledger/reconciliation"

// sendFile sends a bank's file as it is.
func sendFile(ctx context.Context, t *testing.T, finance *client.Client, query, content string, out any) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		finance.Base()+reconciliation+"/statements?"+query, strings.NewReader(content))
	must(t, err)
	request.Header.Set("Content-Type", "text/csv")
	request.Header.Set("Idempotency-Key", uuid.NewString())
	must(t, finance.Send(request, out))
}

// reconciled makes a bank account in the books with a statement, a run, a break
// and a match, and returns their ids by the names of path parameters.
func reconciled(ctx context.Context, t *testing.T, finance *client.Client, name string) objects {
	t.Helper()
	account := "1000.INR.bank-" + name
	must(t, finance.Post(ctx, "/api/v1/ledger/accounts", map[string]string{
		"code": account, "name": "Bank " + name, "gl_code": "1000", "currency": "INR",
	}, nil))
	var entries [2]struct {
		ID string `json:"id"`
	}
	for i, sides := range [][2]string{{account, "2100.INR"}, {"2100.INR", account}} {
		amount := map[string]string{"amount": "5.00", "currency": "INR"}
		must(t, finance.Post(ctx, "/api/v1/ledger/entries", map[string]any{
			"kind": "TEST", "effective_date": "2026-01-02", "lines": []map[string]any{
				{"side": "DEBIT", "account": sides[0], "amount": amount},
				{"side": "CREDIT", "account": sides[1], "amount": amount},
			},
		}, &entries[i]))
	}
	must(t, finance.Put(ctx, reconciliation+"/csv-mappings/default", map[string]any{
		"delimiter": ",", "header": true, "decimal": ".", "date_layout": "YYYY-MM-DD", "booking_date": "date",
		"amount": "amount",
	}, nil))
	sendFile(ctx, t, finance, "account="+account+"&format=CSV&mapping=default", "date,amount\n2026-01-02,7.00\n", nil)
	var match, run struct {
		ID string `json:"id"`
	}
	must(t, finance.Post(ctx, reconciliation+"/matches", map[string]any{
		"account": account, "note": "one takes the other back", "books": []map[string]any{
			{"id": entries[0].ID, "line_no": 0}, {"id": entries[1].ID, "line_no": 1},
		},
	}, &match))
	must(t, finance.Post(ctx, reconciliation+"/runs", map[string]string{"account": account}, &run))
	var breaks struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	must(t, finance.Get(ctx, reconciliation+"/breaks?account="+account, &breaks))
	if len(breaks.Items) != 1 {
		t.Fatalf("%d breaks, want the one bank line", len(breaks.Items))
	}
	return objects{"match": match.ID, "bankrun": run.ID, "break": breaks.Items[0].ID, "name": "default"}
}
