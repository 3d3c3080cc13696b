package verdict

import (
	"fmt"
	"maps"
	"slices"
)

// Drill names, among the invariants, that of the drill itself: what breaks it
// proves nothing about the platform.
const Drill = "drill"

// Invariants are those that a drill holds, in the order of the report. What they
// say is in its table.
var Invariants = []struct{ Name, Says string }{
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
	{Drill, "the drill itself worked"},
}

// Violation is a broken invariant: its name, and in words how it is broken.
type Violation struct{ Invariant, Text string }

// kept bounds the violations of an invariant that are told in words.
const kept = 5

// Verdict is what became of each invariant.
type Verdict struct {
	// Checks and Broken count, by invariant, how often it was held and was broken.
	Checks, Broken map[string]int64
	// Details are the first violations of each invariant.
	Details []Violation
	// Lost are acknowledged payments that do not exist, Duplicated payments that
	// exist more than once.
	Lost, Duplicated int64
}

// New returns the verdict of somebody who has seen nothing yet.
func New() *Verdict { return &Verdict{Checks: map[string]int64{}, Broken: map[string]int64{}} }

// hold checks an invariant once.
func (v *Verdict) hold(invariant string, ok bool, format string, args ...any) {
	v.Checks[invariant]++
	if !ok {
		v.Add(Violation{invariant, fmt.Sprintf(format, args...)})
	}
}

// Add breaks the invariants of the violations.
func (v *Verdict) Add(violations ...Violation) {
	for _, x := range violations {
		if v.Broken[x.Invariant]++; v.Broken[x.Invariant] <= kept {
			v.Details = append(v.Details, x)
		}
	}
}

// Whole tells whether no invariant is broken.
func (v *Verdict) Whole() bool { return len(v.Broken) == 0 }

// Judge holds the evidence against the invariants.
func Judge(e *Evidence) *Verdict {
	v := New()
	v.payments(e)
	v.books(e)
	v.stream(e)
	v.consumers(e)
	for _, id := range slices.Sorted(maps.Keys(e.Loans)) {
		v.loan(e.Loans[id])
	}
	v.hold("I7", e.Intact, "the chain of the journal does not verify: %s", e.ChainOdd)
	return v
}

// payments holds I2 and I3: the client's journal against the histories.
func (v *Verdict) payments(e *Evidence) {
	byReference := map[string][]Payment{}
	loanOf := map[string]string{}
	for _, l := range e.Loans {
		for _, p := range l.Payments {
			byReference[p.Reference] = append(byReference[p.Reference], p)
			loanOf[p.ID] = l.ID
		}
	}
	for _, n := range slices.Sorted(maps.Keys(e.Intents)) {
		i := e.Intents[n]
		found := byReference[Reference(n)]
		delete(byReference, Reference(n))
		if len(found) > 1 {
			v.Duplicated++
		}
		v.hold("I3", len(found) <= 1, "payment %d exists %d times", n, len(found))
		v.hold("I3", !i.Refused || i.Acked() || len(found) == 0, "payment %d was refused (%d) and exists", n, i.Status)
		v.hold("I3", !i.Open(), "payment %d: nobody learnt its outcome", n)
		if !i.Acked() {
			continue
		}
		if len(found) == 0 {
			v.Lost++
			v.hold("I2", false, "payment %d was acknowledged as %s and does not exist", n, i.Acks[0])
			continue
		}
		p := found[0]
		same := !slices.ContainsFunc(i.Acks, func(id string) bool { return id != p.ID })
		v.hold("I2", same && p.Status == "POSTED" && p.Amount.Minor() == i.Minor && loanOf[p.ID] == i.Loan,
			"payment %d of %d on %s was acknowledged as %v and is %+v on %s", n, i.Minor, i.Loan, i.Acks, p, loanOf[p.ID])
	}
	for ref, found := range byReference {
		v.hold("I3", false, "%d payments %q exist that nobody intended", len(found), ref)
	}
}

// books holds I1 and I4: entries, balances of accounts and the trial balance.
func (v *Verdict) books(e *Evidence) {
	v.hold("I1", e.Trial.Balanced, "the trial balance is not zero")
	debits, credits := map[string]int64{}, map[string]int64{}
	seen := map[string]bool{}
	add := func(list []Entry) {
		for _, x := range list {
			var sum int64
			for _, line := range x.Lines {
				amount := line.Amount.Minor()
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
	for _, l := range e.Loans {
		add(l.Entries)
	}
	add(e.Own)
	v.Checks["I4"] += int64(len(e.Loans))
	for _, text := range e.Differ {
		v.Add(Violation{"I4", "a loan and its accounts in the ledger differ: " + text})
	}
	for _, r := range e.Trial.Rows {
		v.hold("I4", debits[r.GL] == r.Debits.Minor() && credits[r.GL] == r.Credits.Minor(),
			"the trial balance has %d and %d on %s, the journal %d and %d", r.Debits.Minor(), r.Credits.Minor(), r.GL,
			debits[r.GL], credits[r.GL])
	}
}

// stream holds the part of I5 that is about the topics as such.
func (v *Verdict) stream(e *Evidence) {
	v.Checks["I5"] += e.Events
	for _, text := range e.Disorder {
		v.Add(Violation{"I5", text})
	}
}

// consumers holds I6, and that poison is buried.
func (v *Verdict) consumers(e *Evidence) {
	announced := map[string]bool{}
	for _, l := range e.Loans {
		for _, h := range l.Events {
			if p, ok := verifiedOf(h); ok {
				announced[p.id] = true
				v.hold("I6", e.Effects[p.id] == 1, "the event of payment %s had %d effects", p.id, e.Effects[p.id])
			}
		}
	}
	for id, times := range e.Effects {
		v.hold("I6", announced[id], "%d effects of payment %s, which was never announced", times, id)
	}
	for _, text := range e.Wrongly {
		v.Add(Violation{"I6", text})
	}
	sent := map[string]int{}
	for _, p := range e.Poisons {
		sent[string(p)]++
	}
	for value, times := range sent {
		v.hold("I6", e.Buried[value] >= times, "%d of %d events that nobody can handle are dead letters: %.60q",
			e.Buried[value], times, value)
	}
}

// loan holds what is about one loan: I4, I5, I7 and I8.
func (v *Verdict) loan(l *Dossier) {
	announced, overdue := map[string]booked{}, map[int]bool{}
	var inOrder []booked
	versions := true
	for i, h := range l.Events {
		versions = versions && h.Version == int64(i+1)
		if number, ok := overdueOf(h); ok {
			v.hold("I10", !overdue[number], "loan %s: instalment %d went overdue twice", l.ID, number)
			overdue[number] = true
		}
		if p, ok := verifiedOf(h); ok {
			v.hold("I5", announced[p.id].id == "", "loan %s: payment %s was announced twice", l.ID, p.id)
			announced[p.id] = p
			inOrder = append(inOrder, p)
		}
	}
	v.hold("I5", versions, "loan %s: the versions of its %d events are not 1..n", l.ID, len(l.Events))
	entriesOf := map[string]int{}
	for _, x := range l.Entries {
		entriesOf[x.Metadata["payment_id"]]++
	}
	for i := range l.Payments {
		p := &l.Payments[i]
		told, ok := announced[p.ID]
		v.hold("I5", ok && told.minor == p.Amount.Minor() && told.split == p.split(),
			"loan %s: payment %s is stored as %+v and announced as %+v", l.ID, p.ID, p.split(), told)
		v.hold("I8", p.split().total() == p.Amount.Minor(), "loan %s: payment %s is split into more or less than its amount",
			l.ID, p.ID)
		v.hold("I4", entriesOf[p.ID] == 1, "loan %s: payment %s is booked %d times", l.ID, p.ID, entriesOf[p.ID])
	}
	v.hold("I5", len(announced) == len(l.Payments), "loan %s: %d payments are announced and %d stored", l.ID,
		len(announced), len(l.Payments))
	v.hold("I7", l.AuditOdd == "", "loan %s: %s", l.ID, l.AuditOdd)
	v.hold("I7", l.Audited == int64(len(l.Payments)), "loan %s: %d audit rows of %d payments", l.ID, l.Audited,
		len(l.Payments))
	if l.Schedule != nil {
		v.model(l, inOrder)
	}
}

// model replays the committed payments and compares what the loan owes.
func (v *Verdict) model(l *Dossier, inOrder []booked) {
	m := newLoanModel(l.Schedule)
	v.hold("I8", l.Planned == m.open(), "loan %s: the schedule sums to %d, the terms to %d", l.ID, l.Planned, m.open())
	for _, text := range m.replay(l.ID, inOrder) {
		v.Add(Violation{"I8", text})
	}
	owed := l.Account.Outstanding.Total.Minor()
	v.hold("I8", owed == m.open() && owed >= 0 && l.Account.Overpaid.Minor() == m.paid.Overpaid &&
		l.Account.Status == m.status(), "loan %s is %s, owes %d and is owed %d; the model says %s, %d and %d", l.ID,
		l.Account.Status, owed, l.Account.Overpaid.Minor(), m.status(), m.open(), m.paid.Overpaid)
	v.hold("I4", l.Portfolio == m.owed(), "loan %s: its account stands at %d, the model at %d", l.ID, l.Portfolio,
		m.owed())
}
