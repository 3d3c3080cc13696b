package platform

import (
	"context"
	"fmt"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/peers"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// target is the finance API as a ledger among others.
type target struct {
	p       *platform
	api     *client.Client
	entries *entries
}

// LedgerTarget is Tenor's finance API, for comparisons.
func LedgerTarget(ctx context.Context, b *harness.Bench) (peers.Target, error) {
	p, err := start(ctx, b)
	if err != nil {
		return nil, err
	}
	token, err := p.system(ctx)
	if err != nil {
		return nil, err
	}
	t := &target{p: p, api: p.service(portLedger).As(token)}
	if b.Gateway {
		t.api = p.gateway.As(token)
	}
	t.entries, err = p.newEntries(ctx, b)
	return t, err
}

// Name implements peers.Target.
func (*target) Name() string { return "tenor" }

// Prepare implements peers.Target.
func (*target) Prepare(context.Context) error { return nil }

// Pay implements peers.Target.
func (t *target) Pay(ctx context.Context, p peers.Payment) error {
	line := func(account string, side ledger.Side, minor int64) lineBody {
		return lineBody{account, side, moneyBody{money.New(minor, currency).Text(), currency.Code()}}
	}
	loan := func(n int) string { return t.entries.loans[n%len(t.entries.loans)] }
	e := entryBody{
		Kind: entryKind, EffectiveDate: t.entries.date, Reference: p.Reference,
		Metadata: map[string]string{"channel": "bank"},
		Lines: []lineBody{
			line(ledger.ControlAccount(ledger.FundSource, currency).Code, ledger.Debit, p.Minor),
			line(loan(2*p.Loan), ledger.Credit, p.Principal), line(loan(2*p.Loan+1), ledger.Credit, p.Interest),
			line(ledger.ControlAccount(ledger.IncomeFromFees, currency).Code, ledger.Credit, p.Fee),
		},
	}
	return t.api.Post(ctx, ledgerPath, e, nil)
}

// Booked implements peers.Target.
func (t *target) Booked(ctx context.Context) (payments, volume int64, err error) {
	if payments, err = t.p.entries(ctx, entryKind); err != nil {
		return 0, 0, fmt.Errorf("counting entries: %w", err)
	}
	return payments, -1, nil
}
