package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/ledger"
)

// The invariants. What they say is in the table of the report.
var invariants = []struct{ name, says string }{
	{"I1", "debits equal credits, per entry and as a whole, at every snapshot"},
	{"I2", "every acknowledged payment is stored exactly once, as it was acknowledged"},
	{"I3", "no payment exists twice, none that was refused, none that nobody intended; its key tells its outcome"},
	{"I4", "balances are the replay of the journal, and each payment is booked once"},
	{"I5", "events are the state: versions 1..n in order, each payment announced once, the model agrees"},
	{"I6", "an event has its effect once, and no good event is given up"},
	{"I7", "audit and journal chains verify; each payment has one audit row"},
	{"I8", "each loan owes what the model says, to the cent"},
	{"I9", "the platform comes to rest by itself: outbox, consumers, processes, leaders"},
	{"I10", "a worker that wakes with an old share does nothing again: an instalment goes overdue once"},
	{"F6", "a definite conflict is never seen by a client; another failure says clearly: try again"},
	{"drill", "the drill itself worked"},
}

// violation is a broken invariant.
type violation struct{ Invariant, Text string }

// kept bounds the violations of an invariant that are told in words.
const kept = 5

// verdict is what became of each invariant.
type verdict struct {
	checks  map[string]int64
	broken  map[string]int64
	details []violation

	lost, duplicated int64
}

func newVerdict() *verdict { return &verdict{checks: map[string]int64{}, broken: map[string]int64{}} }

// hold checks an invariant once.
func (v *verdict) hold(invariant string, ok bool, format string, args ...any) {
	v.checks[invariant]++
	if !ok {
		v.add(violation{invariant, fmt.Sprintf(format, args...)})
	}
}

func (v *verdict) add(violations ...violation) {
	for _, x := range violations {
		if v.broken[x.Invariant]++; v.broken[x.Invariant] <= kept {
			v.details = append(v.details, x)
		}
	}
}

// with adds violations to a verdict.
func (v *verdict) with(violations []violation) *verdict {
	v.add(violations...)
	return v
}

func (v *verdict) whole() bool { return len(v.broken) == 0 }

// judge holds the evidence against the invariants.
func judge(e *evidence) *verdict {
	v := newVerdict()
	v.payments(e)
	v.books(e)
	v.stream(e)
	v.consumers(e)
	for _, id := range slices.Sorted(maps.Keys(e.loans)) {
		v.loan(e.loans[id])
	}
	v.hold("I7", e.intact, "the chain of the journal does not verify: %s", e.chainOdd)
	return v
}

// payments holds I2 and I3: the client's journal against the histories.
func (v *verdict) payments(e *evidence) {
	byReference := map[string][]stored{}
	loanOf := map[string]string{}
	for _, l := range e.loans {
		for _, p := range l.payments {
			byReference[p.Reference] = append(byReference[p.Reference], p)
			loanOf[p.ID] = l.id
		}
	}
	for _, n := range slices.Sorted(maps.Keys(e.intents)) {
		i := e.intents[n]
		found := byReference[reference(n)]
		delete(byReference, reference(n))
		if len(found) > 1 {
			v.duplicated++
		}
		v.hold("I3", len(found) <= 1, "payment %d exists %d times", n, len(found))
		v.hold("I3", !i.Refused || i.acked() || len(found) == 0, "payment %d was refused (%d) and exists", n, i.Status)
		v.hold("I3", i.acked() || i.Refused, "payment %d: nobody learnt its outcome", n)
		if !i.acked() {
			continue
		}
		if len(found) == 0 {
			v.lost++
			v.hold("I2", false, "payment %d was acknowledged as %s and does not exist", n, i.Acks[0])
			continue
		}
		p := found[0]
		same := !slices.ContainsFunc(i.Acks, func(id string) bool { return id != p.ID })
		v.hold("I2", same && p.Status == "POSTED" && minor(p.Amount) == i.Minor && loanOf[p.ID] == i.Loan,
			"payment %d of %d on %s was acknowledged as %v and is %+v on %s", n, i.Minor, i.Loan, i.Acks, p, loanOf[p.ID])
	}
	for ref, found := range byReference {
		v.hold("I3", false, "%d payments %q exist that nobody intended", len(found), ref)
	}
}

// books holds I1 and I4: entries, balances of accounts and the trial balance.
func (v *verdict) books(e *evidence) {
	v.hold("I1", e.trial.Balanced, "the trial balance is not zero")
	debits, credits := map[string]int64{}, map[string]int64{}
	seen := map[string]bool{}
	add := func(list []entry) {
		for _, x := range list {
			var sum int64
			for _, line := range x.Lines {
				amount := minor(line.Amount)
				if line.Side == "DEBIT" {
					debits[glOf(line.Account)] += amount
					sum += amount
				} else {
					credits[glOf(line.Account)] += amount
					sum -= amount
				}
			}
			v.hold("I1", sum == 0, "entry %s is off by %d", x.ID, sum)
			v.hold("I4", !seen[x.ID], "entry %s is listed twice", x.ID)
			seen[x.ID] = true
		}
	}
	for _, l := range e.loans {
		add(l.entries)
	}
	add(e.own)
	v.checks["I4"] += int64(len(e.loans))
	for _, text := range e.differ {
		v.add(violation{"I4", "a loan and its accounts in the ledger differ: " + text})
	}
	for _, r := range e.trial.Rows {
		v.hold("I4", debits[r.GL] == minor(r.Debits) && credits[r.GL] == minor(r.Credits),
			"the trial balance has %d and %d on %s, the journal %d and %d", minor(r.Debits), minor(r.Credits), r.GL,
			debits[r.GL], credits[r.GL])
	}
}

// stream holds the part of I5 that is about the topics as such.
func (v *verdict) stream(e *evidence) {
	v.checks["I5"] += e.events
	for _, text := range e.disorder {
		v.add(violation{"I5", text})
	}
}

// consumers holds I6, and that poison is buried.
func (v *verdict) consumers(e *evidence) {
	announced := map[string]bool{}
	for _, l := range e.loans {
		for _, h := range l.events {
			if p, ok := verifiedOf(h); ok {
				announced[p.id] = true
				v.hold("I6", e.effects[p.id] == 1, "the event of payment %s had %d effects", p.id, e.effects[p.id])
			}
		}
	}
	for id, times := range e.effects {
		v.hold("I6", announced[id], "%d effects of payment %s, which was never announced", times, id)
	}
	for _, text := range e.wrongly {
		v.add(violation{"I6", text})
	}
	sent := map[string]int{}
	for _, p := range e.poisons {
		sent[string(p)]++
	}
	for value, times := range sent {
		v.hold("I6", e.buried[value] >= times, "%d of %d events that nobody can handle are dead letters: %.60q",
			e.buried[value], times, value)
	}
}

// verifiedOf reads the event of a booked payment.
func verifiedOf(h heard) (booked, bool) {
	if h.typ != (event.PaymentVerified{}).Type() {
		return booked{}, false
	}
	var e event.PaymentVerified
	if err := json.Unmarshal(h.data, &e); err != nil {
		return booked{}, false
	}
	return booked{e.PaymentID.String(), e.Amount.Minor(), split{
		Principal: e.Principal.Minor(), Interest: e.Interest.Minor(), Fees: e.Fees.Minor() + e.Penalties.Minor(),
		Overpaid: e.Overpaid.Minor(),
	}, e.ValueDate}, true
}

// overdueOf reads which instalment an event says is overdue.
func overdueOf(h heard) (number int, ok bool) {
	if h.typ != (event.PaymentOverdue{}).Type() {
		return 0, false
	}
	var e event.PaymentOverdue
	err := json.Unmarshal(h.data, &e)
	return e.Instalment, err == nil
}

// loan holds what is about one loan: I4, I5, I7 and I8.
func (v *verdict) loan(l *dossier) {
	announced, overdue := map[string]booked{}, map[int]bool{}
	var inOrder []booked
	versions := true
	for i, h := range l.events {
		versions = versions && h.version == int64(i+1)
		if number, ok := overdueOf(h); ok {
			v.hold("I10", !overdue[number], "loan %s: instalment %d went overdue twice", l.id, number)
			overdue[number] = true
		}
		if p, ok := verifiedOf(h); ok {
			v.hold("I5", announced[p.id].id == "", "loan %s: payment %s was announced twice", l.id, p.id)
			announced[p.id] = p
			inOrder = append(inOrder, p)
		}
	}
	v.hold("I5", versions, "loan %s: the versions of its %d events are not 1..n", l.id, len(l.events))
	entriesOf := map[string]int{}
	for _, x := range l.entries {
		entriesOf[x.Metadata["payment_id"]]++
	}
	for i := range l.payments {
		p := &l.payments[i]
		told, ok := announced[p.ID]
		v.hold("I5", ok && told.minor == minor(p.Amount) && told.split == p.split(),
			"loan %s: payment %s is stored as %+v and announced as %+v", l.id, p.ID, p.split(), told)
		v.hold("I8", p.split().total() == minor(p.Amount), "loan %s: payment %s is split into more or less than its amount",
			l.id, p.ID)
		v.hold("I4", entriesOf[p.ID] == 1, "loan %s: payment %s is booked %d times", l.id, p.ID, entriesOf[p.ID])
	}
	v.hold("I5", len(announced) == len(l.payments), "loan %s: %d payments are announced and %d stored", l.id,
		len(announced), len(l.payments))
	v.hold("I7", l.auditOdd == "", "loan %s: %s", l.id, l.auditOdd)
	v.hold("I7", l.audited == int64(len(l.payments)), "loan %s: %d audit rows of %d payments", l.id, l.audited,
		len(l.payments))
	if l.schedule != nil {
		v.model(l, inOrder)
	}
}

// model replays the committed payments and compares what the loan owes.
func (v *verdict) model(l *dossier, inOrder []booked) {
	m := newLoanModel(l.schedule)
	v.hold("I8", l.planned == m.open(), "loan %s: the schedule sums to %d, the terms to %d", l.id, l.planned, m.open())
	for _, text := range m.replay(l.id, inOrder) {
		v.add(violation{"I8", text})
	}
	owed := minor(l.account.Outstanding.Total)
	v.hold("I8", owed == m.open() && owed >= 0 && minor(l.account.Overpaid) == m.paid.Overpaid &&
		l.account.Status == m.status(), "loan %s is %s, owes %d and is owed %d; the model says %s, %d and %d", l.id,
		l.account.Status, owed, minor(l.account.Overpaid), m.status(), m.open(), m.paid.Overpaid)
	v.hold("I4", l.portfolio == m.owed(), "loan %s: its account stands at %d, the model at %d", l.id, l.portfolio,
		m.owed())
}

func (p *stored) split() split {
	return split{
		Principal: minor(p.Split.Principal), Interest: minor(p.Split.Interest),
		Fees: minor(p.Split.Fees) + minor(p.Split.Penalties), Overpaid: minor(p.Split.Overpaid),
	}
}

// portfolioOf is the account of what a loan owes.
func portfolioOf(loan uuid.UUID) string {
	return ledger.LoanAccount(ledger.LoanPortfolio, loan, currency).Code
}
