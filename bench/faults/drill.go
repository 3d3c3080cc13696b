package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamfault"
)

const (
	prepareWorkers = 16
	lookPause      = 100 * time.Millisecond
	prepareLimit   = 3 * time.Minute
	replayShare    = 30 // percent of events
	replayLate     = 2 * time.Second
	journalName    = "client.jsonl"
)

// drill is one run.
type drill struct {
	fleet    *fleet
	gate     *gate
	work     *workload
	replayer *streamfault.Replayer
	dir      string
	duration time.Duration
	load     func(context.Context, harness.Load) harness.Stats
	say      func(format string, args ...any)

	// core is held by whoever needs the core processes to be left alone.
	core        sync.Mutex
	trialReads  atomic.Int64
	swept       map[string]int
	poisons     [][]byte // those that have to be buried
	days        []string // runs of the close of day
	drainTook   time.Duration
	database    *database.DB
	effectsDB   *database.DB
	lateness    atomic.Int64 // of the oldest unpublished event, the most seen, in nanoseconds
	resolvedNow int64
}

func newDrill(ctx context.Context, b *harness.Bench) (*drill, error) {
	dir, err := filepath.Abs(filepath.Join(b.Stack.Dir(), "faults-"+uuid.NewString()[:8]))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the server's user must be able to enter
		return nil, err
	}
	d := &drill{dir: dir, duration: b.Duration, load: b.Load, say: b.Progress, swept: map[string]int{}}
	log, err := newJournal(filepath.Join(dir, journalName))
	if err != nil {
		return nil, err
	}
	if d.fleet, err = newFleet(ctx, b, dir); d.fleet != nil {
		b.Cleanup(func(context.Context) error { return d.fleet.stop() })
	}
	if err != nil {
		return nil, err
	}
	d.gate = newGate(d.fleet)
	d.work = &workload{gate: d.gate, journal: log, seed: b.Seed}
	return d, d.describe(ctx, b)
}

// describe opens the drill's own view of the databases, past every fault.
func (d *drill) describe(ctx context.Context, b *harness.Bench) error {
	ctx, cancel := context.WithTimeout(ctx, prepareLimit)
	defer cancel()
	if err := d.fleet.launch(ctx); err != nil {
		return err
	}
	for name, into := range map[string]**database.DB{coreName: &d.database, probeName: &d.effectsDB} {
		at := *d.fleet.direct
		at.Path = "/" + name
		if err := database.EnsureDatabase(ctx, at.String()); err != nil {
			return err
		}
		db, err := database.Open(ctx, database.Config{DSN: at.String(), MaxConns: 4, ApplicationName: "tenor-drill"})
		if err != nil {
			return err
		}
		*into = db
		b.Cleanup(func(context.Context) error { db.Close(); return nil })
	}
	d.work.loans = make([]*loan, 0, b.Sized(loansMade))
	return b.Describe(ctx, d.database)
}

// prepare makes the people and the first loans while nothing fails.
func (d *drill) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareLimit)
	defer cancel()
	if err := d.gate.enrol(ctx); err != nil {
		return err
	}
	return d.birth(ctx, cap(d.work.loans), 0)
}

// book is the state of the book on which the platform works.
type bookState struct {
	BusinessDate civil.Date `json:"business_date"`
}

// birth signs agreements and waits for their loans to be paid out.
func (d *drill) birth(ctx context.Context, count int, salt uint64) error {
	var book bookState
	if err := d.gate.read(ctx, asSystem, portDay, "/api/v1/close-of-day/book", nil, &book); err != nil {
		return err
	}
	dice := rand.New(rand.NewPCG(d.work.seed, salt)) //nolint:gosec // repeatable, not secret
	born := make([]*loan, count)
	messages := make([]streamfault.Message, 0, 2*count)
	for i := range born {
		var err error
		if born[i], err = newLoan(dice, book.BusinessDate); err != nil {
			return err
		}
		known, err := d.fleet.registered(born[i])
		if err != nil {
			return err
		}
		signed, err := born[i].signed()
		if err != nil {
			return err
		}
		messages = append(messages, known, signed)
	}
	if err := streamfault.Send(ctx, d.fleet.seeds, messages...); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(prepareWorkers)
	for _, l := range born {
		group.Go(func() error { return d.awaitLoan(groupCtx, l) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	d.work.mu.Lock()
	defer d.work.mu.Unlock()
	d.work.loans = append(d.work.loans, born...)
	return nil
}

// signed is the event with which the agreement service announces the contract.
func (l *loan) signed() (streamfault.Message, error) {
	terms, err := json.Marshal(l.schedule.Terms)
	if err != nil {
		return streamfault.Message{}, err
	}
	e := event.AgreementSigned{
		OnApplication: event.OnApplication{ApplicationID: l.application, CustomerID: l.customer},
		Offer: event.Offer{
			OfferID: uuid.New(), Terms: terms, ScheduleHash: l.schedule.Hash(), Principal: l.schedule.Terms.Principal,
			Instalment: l.schedule.At(0).Total, APRPercent: "16.00", ValidUntil: l.schedule.Terms.DisbursementDate,
		},
		AgreementID: l.agreement, Method: "ESIGN", SHA256: l.schedule.Hash(), SignedAt: time.Now().UTC(),
	}
	return messageOf("/tenor/agreement", e)
}

// registered is the event with which the customer service announces the borrower:
// without an address every message to one would be tried again and again.
func (f *fleet) registered(l *loan) (streamfault.Message, error) {
	contact, err := json.Marshal(event.Contact{
		Email: l.customer.String() + "@drill.local", Phone: "+911234567890", Name: "A. Borrower",
	})
	if err != nil {
		return streamfault.Message{}, err
	}
	e := event.CustomerRegistered{OnCustomer: event.OnCustomer{CustomerID: l.customer}}
	if e.SealedContact, err = f.keys.Seal(contact, "customer.contact:"+l.customer.String()); err != nil {
		return streamfault.Message{}, err
	}
	e.SealedCredential, err = f.keys.Seal([]byte(f.credential), "customer.credential:"+l.customer.String())
	if err != nil {
		return streamfault.Message{}, err
	}
	return messageOf("/tenor/customer", e)
}

// messageOf is the first event about its subject, as the source publishes it.
func messageOf(source string, e event.Event) (streamfault.Message, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return streamfault.Message{}, err
	}
	value, err := json.Marshal(event.Envelope{
		SpecVersion: event.SpecVersion, ID: uuid.New(), Source: source, Type: e.Type(), Subject: e.Subject(),
		Time: time.Now().UTC(), DataContentType: "application/json", Version: 1, Data: data,
	})
	return streamfault.Message{Topic: e.Topic(), Key: e.Key(), Value: value}, err
}

// account is a loan account as its API shows it.
type account struct {
	LoanID      uuid.UUID `json:"loan_id"`
	Status      string    `json:"status"`
	Outstanding struct {
		Principal money `json:"principal"`
		Total     money `json:"total"`
	} `json:"outstanding"`
	Overpaid money `json:"overpaid"`
}

// awaitLoan asks until the loan of an agreement is there and paid out.
func (d *drill) awaitLoan(ctx context.Context, l *loan) error {
	path := "/api/v1/activation/" + l.application.String() + "/trigger"
	for n := int64(0); ; n++ {
		a, err := d.gate.send(ctx, n, request{
			who: asSystem, method: http.MethodPost, path: path, key: uuid.NewString(), port: portActivation,
		})
		var known account
		if err == nil && a.status == http.StatusOK {
			if err := json.Unmarshal(a.body, &known); err != nil {
				return err
			}
			l.id = known.LoanID
			if known.Status == "ACTIVE" {
				return nil
			}
		} else if err == nil && !a.later() && a.status != http.StatusNotFound && a.status != http.StatusConflict {
			return fmt.Errorf("POST %s: %d %s: %s", path, a.status, a.kind, a.detail)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("application %s has no loan (last answer %d %s): %w", l.application, a.status, a.kind,
				errors.Join(err, context.Cause(ctx)))
		case <-time.After(lookPause):
		}
	}
}

// fight runs the load while everything fails.
func (d *drill) fight(ctx context.Context) (harness.Stats, error) {
	var book sync.WaitGroup
	fighting, stop := context.WithCancel(ctx)
	defer stop()
	c := newChaos(d)
	d.fleet.proxy.SetPlan(c.plan)
	d.fleet.mu.Lock()
	d.fleet.chance = c.chance
	d.fleet.mu.Unlock()
	d.fleet.setArming(true)
	for _, name := range []string{notify, effects} { // from now on they are armed
		d.fleet.processes[name].kill()
	}
	d.replayer = streamfault.NewReplayer(d.fleet.seeds, []string{event.TopicServicing, event.TopicOrigination},
		replayShare, replayLate, d.work.seed, time.Now)
	for _, run := range []func(context.Context){
		c.run, c.freezeLeaders, d.watchBooks, d.watchOutbox, d.keepLending, d.tellProgress,
		func(ctx context.Context) {
			if err := d.replayer.Run(ctx); err != nil {
				d.fleet.blame("drill", "replaying events: %v", err)
			}
		},
	} {
		book.Go(func() { run(fighting) })
	}
	stats := d.load(ctx, harness.Load{Name: "payments", Rate: rate, InFlight: inFlightMax, Op: d.work.op})
	stop()
	book.Wait()
	return stats, ctx.Err()
}

// tellProgress says now and then how far the drill has come.
func (d *drill) tellProgress(ctx context.Context) {
	const pause = 30 * time.Second
	for begun := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		d.fleet.mu.Lock()
		kills, commits := d.fleet.struck()
		d.say("%s: %s acknowledged, %s kills, %s ambiguous commits, died at %v; %d blamed", harness.Short(time.Since(begun)),
			count(d.work.acked.Load()), count(kills), count(commits), d.fleet.hits, len(d.fleet.blamed))
		d.fleet.mu.Unlock()
	}
}

// keepLending makes new loans all the time, as others are repaid.
func (d *drill) keepLending(ctx context.Context) {
	const lendPause, lendLimit, lent = 8 * time.Second, 2 * time.Minute, 8
	for salt := uint64(1); ; salt++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lendPause):
		}
		round, cancel := context.WithTimeout(ctx, lendLimit)
		err := d.birth(round, lent, salt)
		cancel()
		if err != nil && ctx.Err() == nil {
			d.fleet.count("rounds of new loans that were not complete")
		}
	}
}

// trial is a trial balance as its API shows it.
type trial struct {
	Balanced bool `json:"balanced"`
	Rows     []struct {
		GL      string `json:"gl_code"`
		Debits  money  `json:"debits"`
		Credits money  `json:"credits"`
	} `json:"rows"`
}

// watchBooks holds I1 at every snapshot that it can get.
func (d *drill) watchBooks(ctx context.Context) {
	const pause = time.Second
	for {
		var t trial
		err := d.gate.read(ctx, asFinance, portLedger, "/api/v1/ledger/trial-balance", nil, &t)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			d.fleet.blame("I1", "reading the trial balance: %v", err)
		} else if d.trialReads.Add(1); !t.Balanced {
			d.fleet.blame("I1", "a trial balance is not zero: %+v", t)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// watchOutbox looks how long events wait to be published.
func (d *drill) watchOutbox(ctx context.Context) {
	const pause = 500 * time.Millisecond
	for {
		if _, oldest, err := waitingEvents(ctx, d.database); err == nil && !oldest.IsZero() {
			d.lateness.Store(max(d.lateness.Load(), int64(time.Since(oldest))))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// seen is what was blamed while the drill ran.
func (d *drill) seen() []violation {
	d.fleet.mu.Lock()
	defer d.fleet.mu.Unlock()
	return append([]violation{}, d.fleet.blamed...)
}
