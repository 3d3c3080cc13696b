package peers

import (
	"context"
	"fmt"
	"net/http"
)

// formance speaks the HTTP API v2 of Formance Ledger
// (https://docs.formance.com, operations v2CreateLedger, v2CreateTransaction,
// v2ReadStats and v2GetBalancesAggregated). The money comes from `world`, the one
// account that may go below zero without being told so.
type formance struct {
	caller
	ledger string
	asset  string
}

func newFormance(base, run string) *formance {
	return &formance{caller: newCaller(base), ledger: "tenor-bench-" + run, asset: "USD/2"}
}

// Name implements Target.
func (*formance) Name() string { return "formance" }

// Prepare makes a ledger for this run.
func (f *formance) Prepare(ctx context.Context) error {
	return f.call(ctx, http.MethodPost, "/v2/"+f.ledger, "", map[string]any{}, nil)
}

type formancePosting struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Amount      int64  `json:"amount"`
	Asset       string `json:"asset"`
}

// Pay implements Target: one transaction of three postings from cash.
func (f *formance) Pay(ctx context.Context, p Payment) error {
	var postings []formancePosting
	for _, leg := range []struct {
		account string
		minor   int64
	}{
		{fmt.Sprintf("loans:%06d:principal", p.Loan), p.Principal},
		{fmt.Sprintf("loans:%06d:interest", p.Loan), p.Interest},
		{"income:fees", p.Fee},
	} {
		if leg.minor > 0 {
			postings = append(postings, formancePosting{"world", leg.account, leg.minor, f.asset})
		}
	}
	body := map[string]any{
		"postings": postings, "reference": p.Reference, "metadata": map[string]string{"channel": "bank"},
	}
	var made struct {
		Data struct {
			ID *int64 `json:"id"`
		} `json:"data"`
	}
	if err := f.call(ctx, http.MethodPost, "/v2/"+f.ledger+"/transactions", p.Reference, body, &made); err != nil {
		return err
	}
	if made.Data.ID == nil {
		return fmt.Errorf("formance: transaction %s has no id", p.Reference)
	}
	return nil
}

// Booked implements Target: the count of transactions, and what went out of cash.
func (f *formance) Booked(ctx context.Context) (payments, volume int64, err error) {
	var stats struct {
		Data struct {
			Transactions int64 `json:"transactions"`
		} `json:"data"`
	}
	if err := f.call(ctx, http.MethodGet, "/v2/"+f.ledger+"/stats", "", nil, &stats); err != nil {
		return 0, 0, err
	}
	if stats.Data.Transactions == 0 {
		return 0, 0, nil // the account does not exist yet
	}
	var account struct {
		Data struct {
			Volumes map[string]struct {
				Output int64 `json:"output"`
			} `json:"volumes"`
		} `json:"data"`
	}
	path := "/v2/" + f.ledger + "/accounts/world?expand=volumes"
	if err := f.call(ctx, http.MethodGet, path, "", nil, &account); err != nil {
		return 0, 0, err
	}
	return stats.Data.Transactions, account.Data.Volumes[f.asset].Output, nil
}
