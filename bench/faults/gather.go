package faults

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
	"github.com/tenor-lending/tenor/bench/faults/payer"
	"github.com/tenor-lending/tenor/bench/faults/verdict"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/ledger"
)

const (
	gatherWorkers = 12
	caughtUpLook  = 500 * time.Millisecond
	pageMax       = "200"
	trialPath     = "trial-balance" // of the ledger
)

// gather collects the evidence, over the public API and from the topics.
func (d *drill) gather(ctx context.Context) (*verdict.Evidence, error) {
	e := &verdict.Evidence{Buried: map[string]int{}, Poisons: d.poisons}
	var err error
	if e.Intents, err = verdict.ReadJournal(filepath.Join(d.dir, journalName)); err != nil {
		return nil, err
	}
	resolved, err := verdict.ReadJournal(filepath.Join(d.dir, resolvedName))
	if err != nil {
		return nil, err
	}
	for n, r := range resolved {
		i := e.Intents[n]
		i.Acks, i.Refused = append(i.Acks, r.Acks...), i.Refused || r.Refused
	}
	if err := d.readTopics(ctx, e); err != nil {
		return nil, err
	}
	for begun := time.Now(); e.Unpaid() != ""; time.Sleep(caughtUpLook) {
		if time.Since(begun) > caughtUpLimit {
			d.fleet.Blame("I9", "loan %s was activated and neither paid out nor cancelled", e.Unpaid())
			break
		}
		if err := d.readTopics(ctx, e); err != nil {
			return nil, err
		}
	}
	if err := d.caughtUp(ctx, e.Verified()); err != nil {
		return nil, err
	}
	if e.Effects, err = readEffects(ctx, d.effectsDB); err != nil {
		return nil, err
	}
	if err := d.readLetters(ctx, e); err != nil {
		return nil, err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(gatherWorkers)
	for _, id := range slices.Sorted(maps.Keys(e.Loans)) {
		group.Go(func() error { return d.readLoan(groupCtx, e.Loans[id]) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if e.Own, err = d.readEntries(ctx, entryName); err != nil {
		return nil, err
	}
	return e, d.readBooks(ctx, e)
}

// readTopics reads all events anew.
func (d *drill) readTopics(ctx context.Context, e *verdict.Evidence) error {
	e.Loans, e.Events, e.Again, e.Lags, e.Disorder = map[string]*verdict.Dossier{}, 0, 0, nil, nil
	seen := map[uuid.UUID]bool{}
	heads := map[uuid.UUID]int64{}
	byID := d.loansByID()
	err := stream.Read(ctx, d.fleet.Seeds, []string{event.TopicServicing}, func(r stream.Record) error {
		env, err := event.Parse(r.Value)
		if err != nil || env.Source != "/tenor/"+fleet.CoreDatabase {
			return nil // what the drill sent itself
		}
		if seen[env.ID] {
			e.Again++
			return nil
		}
		seen[env.ID] = true
		e.Events++
		e.Lags = append(e.Lags, r.At.Sub(env.Time))
		if env.Version != heads[env.Subject]+1 {
			e.Disorder = append(e.Disorder, fmt.Sprintf("%s: version %d of %s came after version %d",
				env.Type, env.Version, env.Subject, heads[env.Subject]))
		}
		heads[env.Subject] = max(heads[env.Subject], env.Version)
		var on event.OnLoan
		if err := json.Unmarshal(env.Data, &on); err != nil || on.LoanID == uuid.Nil {
			return nil // about the book
		}
		l := e.Loans[on.LoanID.String()]
		if l == nil {
			l = &verdict.Dossier{ID: on.LoanID.String()}
			if known := byID[l.ID]; known != nil {
				l.Schedule = known.Schedule
			}
			e.Loans[l.ID] = l
		}
		l.Events = append(l.Events, verdict.Heard{Type: env.Type, Version: env.Version, Data: env.Data})
		return nil
	})
	for id := range byID {
		if e.Loans[id] == nil {
			e.Loans[id] = &verdict.Dossier{ID: id, Schedule: byID[id].Schedule}
			e.Disorder = append(e.Disorder, "loan "+id+" was never announced")
		}
	}
	for _, l := range e.Loans {
		slices.SortFunc(l.Events, func(a, b verdict.Heard) int { return cmp.Compare(a.Version, b.Version) })
	}
	return err
}

// readLetters counts the dead letters; only poison may be among them.
func (d *drill) readLetters(ctx context.Context, e *verdict.Evidence) error {
	poison := map[string]bool{}
	for _, p := range d.poisons {
		poison[string(p)] = true
	}
	return stream.DeadLetters(ctx, d.fleet.Seeds, func(letter stream.DeadLetter) error {
		switch {
		case !poison[string(letter.Value)]:
			e.Wrongly = append(e.Wrongly, fmt.Sprintf("%s buried %.80q: %s", letter.Consumer, letter.Value, letter.Error))
		case letter.Consumer == probeName:
			e.Buried[string(letter.Value)]++
		}
		return nil
	})
}

func (d *drill) readLoan(ctx context.Context, l *verdict.Dossier) error {
	id, err := uuid.Parse(l.ID)
	if err != nil {
		return err
	}
	if l.Payments, err = d.readPayments(ctx, l.ID); err != nil {
		return err
	}
	if l.Entries, err = d.readEntries(ctx, l.ID); err != nil {
		return err
	}
	base := "/api/v1/activation/" + l.ID
	if err := d.gate.Read(ctx, payer.AsSystem, fleet.PortActivation, base+"/account", nil, &l.Account); err != nil {
		return err
	}
	var plan struct {
		Instalments []struct {
			Total verdict.Money `json:"total"`
		} `json:"instalments"`
	}
	if err := d.gate.Read(ctx, payer.AsSystem, fleet.PortActivation, base+"/schedule", nil, &plan); err != nil {
		return err
	}
	for _, row := range plan.Instalments {
		l.Planned += row.Total.Minor()
	}
	var balance struct {
		Balance verdict.Money `json:"balance"`
	}
	portfolio := ledger.LoanAccount(ledger.LoanPortfolio, id, verdict.Currency).Code
	if err := d.readLedger(ctx, "accounts/"+portfolio+"/balance", &balance); err != nil {
		return err
	}
	l.Portfolio = balance.Balance.Minor()
	l.Audited, l.AuditOdd, err = auditOf(ctx, d.database, id, "repayment.pay")
	return err
}

// readLedger reads a document of the ledger.
func (d *drill) readLedger(ctx context.Context, path string, out any) error {
	return d.gate.Read(ctx, payer.AsFinance, fleet.PortLedger, "/api/v1/ledger/"+path, nil, out)
}

func (d *drill) readPayments(ctx context.Context, loan string) (all []verdict.Payment, err error) {
	type page struct {
		Payments []verdict.Payment `json:"payments"`
		Next     string            `json:"next_cursor"`
	}
	err = payer.ReadPages(ctx, d.gate, payer.AsSystem, fleet.PortRepayment, "/api/v1/payments/"+loan+"/history",
		url.Values{"limit": {pageMax}}, func(p page) string {
			all = append(all, p.Payments...)
			return p.Next
		})
	return all, err
}

func (d *drill) readEntries(ctx context.Context, reference string) (all []verdict.Entry, err error) {
	type page struct {
		Items []verdict.Entry `json:"items"`
		Next  string          `json:"next_cursor"`
	}
	err = payer.ReadPages(ctx, d.gate, payer.AsFinance, fleet.PortLedger, "/api/v1/ledger/entries",
		url.Values{"limit": {pageMax}, "reference": {reference}}, func(p page) string {
			all = append(all, p.Items...)
			return p.Next
		})
	return all, err
}

// readBooks reads what is about no loan, and has the platform compare each loan with
// its own accounts.
func (d *drill) readBooks(ctx context.Context, e *verdict.Evidence) error {
	if err := d.readLedger(ctx, trialPath, &e.Trial); err != nil {
		return err
	}
	var chain struct {
		Intact bool   `json:"intact"`
		Fault  string `json:"fault"`
	}
	if err := d.readLedger(ctx, "chain/verification", &chain); err != nil {
		return err
	}
	e.Intact, e.ChainOdd = chain.Intact, chain.Fault
	type page struct {
		Items []json.RawMessage `json:"items"`
		Next  string            `json:"next_cursor"`
	}
	return payer.ReadPages(ctx, d.gate, payer.AsFinance, fleet.PortCloseOfDay, "/api/v1/close-of-day/tie-out/loans",
		url.Values{}, func(p page) string {
			for _, item := range p.Items {
				e.Differ = append(e.Differ, string(item))
			}
			return p.Next
		})
}
