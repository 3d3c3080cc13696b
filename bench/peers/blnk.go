package peers

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// blnk speaks the HTTP API of Blnk Core (https://docs.blnkfinance.com: POST
// /transactions with destinations, GET /balances/indicator/…). Balances that
// begin with @ are made by their first use.
type blnk struct {
	caller
	run string
}

const (
	blnkCurrency  = "USD"
	blnkPrecision = 100
)

func newBlnk(base, run string) *blnk { return &blnk{caller: newCaller(base), run: run} }

// Name implements Target.
func (*blnk) Name() string { return "blnk" }

// Prepare asks whether the server answers.
func (k *blnk) Prepare(ctx context.Context) error {
	return k.call(ctx, http.MethodGet, "/ledgers", "", nil, nil)
}

func (k *blnk) balance(name string) string { return "@bench-" + k.run + "-" + name }

// major writes minor units as the decimal number that the API takes.
func major(minor int64) string {
	return fmt.Sprintf("%d.%02d", minor/blnkPrecision, minor%blnkPrecision)
}

type blnkShare struct {
	Identifier string `json:"identifier"`
	// Distribution is a fixed amount, a percentage, or "left".
	Distribution string `json:"distribution"`
}

// number is a decimal that JSON carries as a number.
type number string

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// Pay implements Target: one transaction from cash to three balances, applied
// before the answer.
func (k *blnk) Pay(ctx context.Context, p Payment) error {
	shares := []blnkShare{
		{k.balance("principal-" + strconv.Itoa(p.Loan)), major(p.Principal)},
		{k.balance("interest-" + strconv.Itoa(p.Loan)), major(p.Interest)},
		{k.balance("fees"), "left"},
	}
	body := map[string]any{
		"amount": number(major(p.Minor)), "precision": blnkPrecision, "reference": p.Reference, "currency": blnkCurrency,
		"source": k.balance("cash"), "destinations": shares, "allow_overdraft": true, "skip_queue": true,
		"description": "payment", "meta_data": map[string]string{"channel": "bank"},
	}
	var made struct {
		ID     string `json:"transaction_id"`
		Status string `json:"status"`
	}
	if err := k.call(ctx, http.MethodPost, "/transactions", "", body, &made); err != nil {
		return err
	}
	if made.ID == "" || (made.Status != "APPLIED" && made.Status != "QUEUED") {
		return fmt.Errorf("blnk: transaction %s is %q", p.Reference, made.Status)
	}
	return nil
}

// Booked implements Target: what went out of cash. The API does not count
// transactions.
func (k *blnk) Booked(ctx context.Context) (payments, volume int64, err error) {
	var cash struct {
		Debit int64 `json:"debit_balance"`
	}
	path := "/balances/indicator/" + k.balance("cash") + "/currency/" + blnkCurrency
	if err := k.call(ctx, http.MethodGet, path, "", nil, &cash); err != nil {
		if isAbsent(err) {
			return -1, 0, nil // nothing has used it yet
		}
		return 0, 0, err
	}
	return -1, cash.Debit, nil
}
