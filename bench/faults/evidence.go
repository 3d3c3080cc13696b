package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/event"
	ours "github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/stream"
)

const (
	gatherWorkers = 12
	caughtUpLook  = 500 * time.Millisecond
	pageMax       = "200"
)

// unreadable stands for what is no amount of the drill's currency; it equals none.
const unreadable = -1 << 62

// minor reads an amount of the API.
func minor(m money) int64 {
	amount, err := ours.Parse(m.Amount, currency)
	if err != nil {
		return unreadable
	}
	return amount.Minor()
}

// heard is an event as the topics hold it, each once.
type heard struct {
	id      uuid.UUID
	typ     string
	version int64
	data    []byte
}

// stored is a payment as the history of its loan shows it.
type stored struct {
	ID        string `json:"payment_id"`
	Status    string `json:"status"`
	Amount    money  `json:"amount"`
	Reference string `json:"reference"`
	Split     struct {
		Principal money `json:"principal"`
		Interest  money `json:"interest"`
		Fees      money `json:"fees"`
		Penalties money `json:"penalties"`
		Overpaid  money `json:"overpaid"`
	} `json:"split"`
}

// entry is a journal entry as its API shows it.
type entry struct {
	ID       string            `json:"id"`
	Metadata map[string]string `json:"metadata"`
	Lines    []struct {
		Account string `json:"account"`
		Side    string `json:"side"`
		Amount  money  `json:"amount"`
	} `json:"lines"`
}

// dossier is all that is known about one loan.
type dossier struct {
	id        string
	schedule  *amortization.Schedule // nil: a loan that was signed and never paid by the drill
	events    []heard                // in the order of their versions
	payments  []stored
	entries   []entry
	account   account
	portfolio int64 // balance of its account
	planned   int64 // sum of the schedule as the API shows it
	audited   int64
	auditOdd  string
}

// evidence is what the invariants are held against.
type evidence struct {
	intents  map[int64]*intent
	loans    map[string]*dossier
	own      []entry  // entries of the drill itself
	differ   []string // loans that are not what the ledger has on their accounts
	trial    trial
	intact   bool
	chainOdd string
	// disorder are first appearances of events out of the order of their versions.
	disorder []string
	events   int64
	again    int64 // deliveries of events beyond the first
	effects  map[string]int
	buried   map[string]int // by value, of the drill's consumer
	wrongly  []string       // events that were buried although they are good
	poisons  [][]byte
	lags     []time.Duration // from the fact to the broker
}

// gather collects it, over the public API and from the topics.
func (d *drill) gather(ctx context.Context) (*evidence, error) {
	e := &evidence{loans: map[string]*dossier{}, buried: map[string]int{}, poisons: d.poisons}
	var err error
	if e.intents, err = readJournal(d.journalPath()); err != nil {
		return nil, err
	}
	resolved, err := readJournal(d.journalPath() + ".resolved")
	if err != nil {
		return nil, err
	}
	for n, r := range resolved {
		i := e.intents[n]
		i.Acks, i.Refused = append(i.Acks, r.Acks...), i.Refused || r.Refused
	}
	if err := d.readTopics(ctx, e); err != nil {
		return nil, err
	}
	for begun := time.Now(); e.unpaid() != ""; time.Sleep(caughtUpLook) {
		if time.Since(begun) > caughtUpLimit {
			d.fleet.blame("I9", "loan %s was activated and neither paid out nor cancelled", e.unpaid())
			break
		}
		if err := d.readTopics(ctx, e); err != nil {
			return nil, err
		}
	}
	if err := d.caughtUp(ctx, e.verified()); err != nil {
		return nil, err
	}
	if e.effects, err = readEffects(ctx, d.effectsDB); err != nil {
		return nil, err
	}
	if err := d.readLetters(ctx, e); err != nil {
		return nil, err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(gatherWorkers)
	for _, id := range slices.Sorted(maps.Keys(e.loans)) {
		group.Go(func() error { return d.readLoan(groupCtx, e.loans[id]) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if e.own, err = d.readEntries(ctx, entryName); err != nil {
		return nil, err
	}
	return e, d.readBooks(ctx, e)
}

// verified is how many payments were announced.
func (e *evidence) verified() (count int64) {
	for _, l := range e.loans {
		for _, h := range l.events {
			if h.typ == (event.PaymentVerified{}).Type() {
				count++
			}
		}
	}
	return count
}

// unpaid names a loan whose payout is under way, or is "".
func (e *evidence) unpaid() string {
	for id, l := range e.loans {
		open := false
		for _, h := range l.events {
			switch h.typ {
			case (event.DisbursementInitiated{}).Type():
				open = true
			case (event.DisbursementCompleted{}).Type(), (event.DisbursementFailed{}).Type():
				open = false
			}
		}
		if open {
			return id
		}
	}
	return ""
}

// readTopics reads all events anew.
func (d *drill) readTopics(ctx context.Context, e *evidence) error {
	e.loans, e.events, e.again, e.lags, e.disorder = map[string]*dossier{}, 0, 0, nil, nil
	seen := map[uuid.UUID]bool{}
	heads := map[uuid.UUID]int64{}
	byID := d.loansByID()
	err := stream.Read(ctx, d.fleet.seeds, []string{event.TopicServicing}, func(r stream.Record) error {
		env, err := event.Parse(r.Value)
		if err != nil || env.Source != "/tenor/"+coreName {
			return nil // what the drill sent itself
		}
		if seen[env.ID] {
			e.again++
			return nil
		}
		seen[env.ID] = true
		e.events++
		e.lags = append(e.lags, r.At.Sub(env.Time))
		if env.Version != heads[env.Subject]+1 {
			e.disorder = append(e.disorder, fmt.Sprintf("%s: version %d of %s came after version %d",
				env.Type, env.Version, env.Subject, heads[env.Subject]))
		}
		heads[env.Subject] = max(heads[env.Subject], env.Version)
		var on event.OnLoan
		if err := json.Unmarshal(env.Data, &on); err != nil || on.LoanID == uuid.Nil {
			return nil // about the book
		}
		l := e.loans[on.LoanID.String()]
		if l == nil {
			l = &dossier{id: on.LoanID.String()}
			if known := byID[l.id]; known != nil {
				l.schedule = known.schedule
			}
			e.loans[l.id] = l
		}
		l.events = append(l.events, heard{env.ID, env.Type, env.Version, env.Data})
		return nil
	})
	for id := range byID {
		if e.loans[id] == nil {
			e.loans[id] = &dossier{id: id, schedule: byID[id].schedule}
			e.disorder = append(e.disorder, "loan "+id+" was never announced")
		}
	}
	for _, l := range e.loans {
		slices.SortFunc(l.events, func(a, b heard) int { return int(a.version - b.version) })
	}
	return err
}

// readLetters counts the dead letters; only poison may be among them.
func (d *drill) readLetters(ctx context.Context, e *evidence) error {
	poison := map[string]bool{}
	for _, p := range d.poisons {
		poison[string(p)] = true
	}
	return stream.DeadLetters(ctx, d.fleet.seeds, func(letter stream.DeadLetter) error {
		switch {
		case !poison[string(letter.Value)]:
			e.wrongly = append(e.wrongly, fmt.Sprintf("%s buried %.80q: %s", letter.Consumer, letter.Value, letter.Error))
		case letter.Consumer == probeName:
			e.buried[string(letter.Value)]++
		}
		return nil
	})
}

func (d *drill) readLoan(ctx context.Context, l *dossier) error {
	id, err := uuid.Parse(l.id)
	if err != nil {
		return err
	}
	if l.payments, err = d.readPayments(ctx, l.id); err != nil {
		return err
	}
	if l.entries, err = d.readEntries(ctx, l.id); err != nil {
		return err
	}
	base := "/api/v1/activation/" + l.id
	if err := d.gate.read(ctx, asSystem, portActivation, base+"/account", nil, &l.account); err != nil {
		return err
	}
	var plan struct {
		Instalments []struct {
			Total money `json:"total"`
		} `json:"instalments"`
	}
	if err := d.gate.read(ctx, asSystem, portActivation, base+"/schedule", nil, &plan); err != nil {
		return err
	}
	for _, row := range plan.Instalments {
		l.planned += minor(row.Total)
	}
	var balance struct {
		Balance money `json:"balance"`
	}
	err = d.gate.read(ctx, asFinance, portLedger, "/api/v1/ledger/accounts/"+portfolioOf(id)+"/balance", nil, &balance)
	if err != nil {
		return err
	}
	l.portfolio = minor(balance.Balance)
	l.audited, l.auditOdd, err = auditOf(ctx, d.database, id, "repayment.pay")
	return err
}

func (d *drill) readPayments(ctx context.Context, loan string) ([]stored, error) {
	var all []stored
	query := url.Values{"limit": {pageMax}}
	for {
		var page struct {
			Payments []stored `json:"payments"`
			Next     string   `json:"next_cursor"`
		}
		path := "/api/v1/payments/" + loan + "/history"
		if err := d.gate.read(ctx, asSystem, portRepayment, path, query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Payments...)
		if page.Next == "" {
			return all, nil
		}
		query.Set("cursor", page.Next)
	}
}

func (d *drill) readEntries(ctx context.Context, reference string) ([]entry, error) {
	var all []entry
	query := url.Values{"limit": {pageMax}, "reference": {reference}}
	for {
		var page struct {
			Items []entry `json:"items"`
			Next  string  `json:"next_cursor"`
		}
		if err := d.gate.read(ctx, asFinance, portLedger, "/api/v1/ledger/entries", query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		query.Set("cursor", page.Next)
	}
}

func (d *drill) readBooks(ctx context.Context, e *evidence) error {
	if err := d.gate.read(ctx, asFinance, portLedger, "/api/v1/ledger/trial-balance", nil, &e.trial); err != nil {
		return err
	}
	var chain struct {
		Intact bool   `json:"intact"`
		Fault  string `json:"fault"`
	}
	if err := d.gate.read(ctx, asFinance, portLedger, "/api/v1/ledger/chain/verification", nil, &chain); err != nil {
		return err
	}
	e.intact, e.chainOdd = chain.Intact, chain.Fault
	return d.readDifferences(ctx, e)
}

// readDifferences has the platform compare each loan with its own accounts.
func (d *drill) readDifferences(ctx context.Context, e *evidence) error {
	query := url.Values{}
	for {
		var page struct {
			Items []json.RawMessage `json:"items"`
			Next  string            `json:"next_cursor"`
		}
		if err := d.gate.read(ctx, asFinance, portDay, "/api/v1/close-of-day/tie-out/loans", query, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			e.differ = append(e.differ, string(item))
		}
		if page.Next == "" {
			return nil
		}
		query.Set("cursor", page.Next)
	}
}

// glOf is the heading of an account by its code.
func glOf(code string) string {
	gl, _, _ := strings.Cut(code, ".")
	return gl
}
