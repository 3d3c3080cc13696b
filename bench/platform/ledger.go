package platform

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

const (
	ledgerPath     = "/api/v1/ledger/entries"
	entryKind      = "BENCH"
	entryAccounts  = 5_000
	entryBatch     = 100
	batchClients   = 8
	entryAmountMin = 10
	entryAmountMax = 100_000
)

type lineBody struct {
	Account string      `json:"account"`
	Side    ledger.Side `json:"side"`
	Amount  moneyBody   `json:"amount"`
}

type moneyBody struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

type entryBody struct {
	Kind          string            `json:"kind"`
	EffectiveDate string            `json:"effective_date"`
	Reference     string            `json:"reference"`
	Metadata      map[string]string `json:"metadata"`
	Lines         []lineBody        `json:"lines"`
}

// entries makes journal entries of four lines: one hot cash and one hot fee
// account, and two of many loan accounts.
type entries struct {
	date  string
	loans []string
}

func (p *platform) newEntries(ctx context.Context, b *harness.Bench) (*entries, error) {
	book, err := p.book(ctx)
	if err != nil {
		return nil, err
	}
	e := &entries{date: book.BusinessDate.String()}
	count := b.Sized(entryAccounts)
	var accounts []ledger.Account
	for i := range count {
		loan := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, "bench ", i))
		account := ledger.LoanAccount(ledger.LoanPortfolio, loan, currency)
		accounts = append(accounts, account)
		e.loans = append(e.loans, account.Code)
	}
	return e, database.InTx(ctx, p.core, func(tx database.Tx) error {
		if err := ledgerdb.OpenChart(ctx, tx, time.Now().UTC(), currency); err != nil {
			return err
		}
		return ledgerdb.OpenAccounts(ctx, tx, time.Now().UTC(), accounts...)
	})
}

func (e *entries) entry() entryBody {
	amount := rand.Int64N(entryAmountMax) + entryAmountMin //nolint:gosec // spread, not secret
	principal, interest := amount/2, amount/3
	loan := func() string { return e.loans[rand.IntN(len(e.loans))] } //nolint:gosec // as above
	line := func(account string, side ledger.Side, minor int64) lineBody {
		return lineBody{account, side, moneyBody{money.New(minor, currency).Text(), currency.Code()}}
	}
	return entryBody{
		Kind: entryKind, EffectiveDate: e.date, Reference: uuid.NewString(), Metadata: map[string]string{"channel": "bank"},
		Lines: []lineBody{
			line(ledger.ControlAccount(ledger.FundSource, currency).Code, ledger.Debit, amount),
			line(loan(), ledger.Credit, principal), line(loan(), ledger.Credit, interest),
			line(ledger.ControlAccount(ledger.IncomeFromFees, currency).Code, ledger.Credit, amount-principal-interest),
		},
	}
}

func runLedgerSingle(ctx context.Context, b *harness.Bench) error {
	return runLedger(ctx, b, singleClients, 1, func(ctx context.Context, api *client.Client, e *entries) (int64, error) {
		return 1, api.Post(ctx, ledgerPath, e.entry(), nil)
	})
}

func runLedgerBatch(ctx context.Context, b *harness.Bench) error {
	return runLedger(ctx, b, batchClients, entryBatch, postBatch)
}

// postBatch posts a batch and returns how many entries were booked.
func postBatch(ctx context.Context, api *client.Client, e *entries) (int64, error) {
	batch := make([]entryBody, entryBatch)
	for i := range batch {
		batch[i] = e.entry()
	}
	var out struct {
		Results []struct {
			Status string `json:"status"`
			Detail string `json:"detail"`
		} `json:"results"`
	}
	if err := api.Post(ctx, ledgerPath+"/batch", map[string]any{"entries": batch}, &out); err != nil {
		return 0, err
	}
	var booked int64
	for _, r := range out.Results {
		if r.Status != "POSTED" {
			return booked, fmt.Errorf("an entry of a batch is %s: %s", r.Status, r.Detail)
		}
		booked++
	}
	return booked, nil
}

func runLedger(
	ctx context.Context, b *harness.Bench, clients, units int,
	post func(context.Context, *client.Client, *entries) (int64, error),
) error {
	p, err := start(ctx, b)
	if err != nil {
		return err
	}
	made, err := p.newEntries(ctx, b)
	if err != nil {
		return err
	}
	token, err := p.system(ctx)
	if err != nil {
		return err
	}
	api := p.service(portLedger).As(token)
	if b.Gateway {
		api = p.gateway.As(token)
	}
	before, err := p.entries(ctx, entryKind)
	if err != nil {
		return err
	}
	was, err := p.look(ctx)
	if err != nil {
		return err
	}
	var posted atomic.Int64
	stats := b.Load(ctx, harness.Load{
		Name: "entries", Clients: clients, Units: units,
		Op: func(ctx context.Context, _ int64) error {
			booked, err := post(ctx, api, made)
			posted.Add(booked)
			return err
		},
	})
	b.Measured("entries", stats)
	b.OverTime("entries", []string{"entries"}, []harness.Stats{stats})
	b.Table(result.Table{
		Title: "the finance API", Header: []string{"clients", "a call", "entries/s", "p50", "p95", "p99"},
		Rows: [][]string{{
			harness.Count(float64(clients)), fmt.Sprint(units), harness.Count(stats.PerSecond),
			harness.Short(stats.P50), harness.Short(stats.P95), harness.Short(stats.P99),
		}},
	})
	if err := errors.Join(stats.Err(), ctx.Err()); err != nil {
		return err
	}
	after, err := p.entries(ctx, entryKind)
	if err != nil {
		return err
	}
	if err := b.Check(after-before == posted.Load(), "the %d acknowledged entries are in the journal (%d)", posted.Load(),
		after-before); err != nil {
		return err
	}
	is, err := p.look(ctx)
	if err != nil {
		return err
	}
	was.report(b, is, posted.Load())
	return p.booksBalance(ctx, b)
}
