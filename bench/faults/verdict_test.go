package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/event"
	ours "github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

func amount(minor int64) money {
	return money{Amount: ours.New(minor, currency).Text(), Currency: currency.Code()}
}

// TestModelAgreesWithTheDomain pays loans in any amounts through the model and
// through the platform's own domain code.
func TestModelAgreesWithTheDomain(t *testing.T) {
	t.Parallel()
	day := civil.Date{Year: 2026, Month: 1, Day: 15}
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		l, err := newLoan(rand.New(rand.NewPCG(seed, 1)), day)
		if err != nil {
			t.Fatal(err)
		}
		change, err := servicing.Activate(servicing.Activation{
			LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: uuid.New(),
			DisbursementID: uuid.New(), Terms: l.schedule.Terms, ScheduleHash: l.schedule.Hash(), On: day,
		})
		if err != nil {
			t.Fatal(err)
		}
		if change, err = change.Loan.CompleteDisbursement(change.Loan.Disbursement.ID, "r", day); err != nil {
			t.Fatal(err)
		}
		m, on := newLoanModel(l.schedule), day
		for range rapid.IntRange(1, 40).Draw(t, "payments") {
			for range rapid.IntRange(0, 40).Draw(t, "days") {
				on = on.AddDays(1)
				change, err = change.Loan.StartDay(on)
				if err != nil {
					t.Fatal(err)
				}
			}
			minor := rapid.Int64Range(1, 3_000_000).Draw(t, "minor")
			change, err = change.Loan.Pay(servicing.Payment{
				ID: uuid.New(), Kind: servicing.Normal, Amount: ours.New(minor, currency), ValueDate: on,
			}, on)
			if err != nil {
				t.Fatal(err)
			}
			want := m.pay(minor)
			for _, fact := range change.Facts {
				if paid, ok := fact.(servicing.Paid); ok {
					got := split{
						paid.Split.Principal.Minor(), paid.Split.Interest.Minor(), paid.Split.Fees.Minor(), paid.Overpaid.Minor(),
					}
					if got != want || got.total() != minor {
						t.Fatalf("the domain splits %d into %+v, the model into %+v", minor, got, want)
					}
				}
			}
			if got := change.Loan.Outstanding().Total().Minor(); got != m.open() || string(change.Loan.Status) != m.status() {
				t.Fatalf("the domain owes %d and is %s, the model owes %d and is %s", got, change.Loan.Status, m.open(), m.status())
			}
			if m.open() == 0 {
				return
			}
		}
	})
}

// whole is evidence of two loans in which nothing is wrong.
func whole(t *testing.T) *evidence {
	t.Helper()
	e := &evidence{
		intents: map[int64]*intent{}, loans: map[string]*dossier{}, intact: true, effects: map[string]int{},
		buried: map[string]int{"poison": 1}, poisons: [][]byte{[]byte("poison")},
	}
	e.trial.Balanced = true
	debits, credits := map[string]int64{}, map[string]int64{}
	n := int64(0)
	for range 2 {
		l, err := newLoan(rand.New(rand.NewPCG(1, 2)), civil.Date{Year: 2026, Month: 1, Day: 15})
		if err != nil {
			t.Fatal(err)
		}
		d := &dossier{id: uuid.NewString(), schedule: l.schedule}
		m := newLoanModel(l.schedule)
		d.planned = m.open()
		for range 3 {
			n++
			id, minor := uuid.New(), 10_000*n
			s := m.pay(minor)
			add(t, d, id, minor, s)
			e.intents[n] = &intent{line: line{N: n, Loan: d.id, Minor: minor}, Acks: []string{id.String()}}
			d.payments[len(d.payments)-1].Reference = reference(n)
			e.effects[id.String()] = 1
			debits["1000"] += minor
			credits["1100"] += minor
		}
		d.account.Outstanding.Total, d.account.Overpaid = amount(m.open()), amount(0)
		d.account.Status, d.portfolio, d.audited = m.status(), m.owed(), 3
		e.loans[d.id] = d
	}
	e.intents[99] = &intent{Refused: true, Status: 409}
	for gl := range map[string]bool{"1000": true, "1100": true} {
		e.trial.Rows = append(e.trial.Rows, struct {
			GL      string `json:"gl_code"`
			Debits  money  `json:"debits"`
			Credits money  `json:"credits"`
		}{gl, amount(debits[gl]), amount(credits[gl])})
	}
	return e
}

// add gives a loan a payment with its event and its entry.
func add(t *testing.T, d *dossier, id uuid.UUID, minor int64, s split) {
	t.Helper()
	m := func(v int64) ours.Amount { return ours.New(v, currency) }
	data, err := json.Marshal(event.PaymentVerified{
		PaymentID: id, ValueDate: civil.Date{Year: 2026, Month: 2, Day: 1}, Amount: m(minor),
		Principal: m(s.Principal), Interest: m(s.Interest), Fees: m(s.Fees),
		Penalties: m(0), Overpaid: m(s.Overpaid),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.events = append(d.events, heard{uuid.New(), event.PaymentVerified{}.Type(), int64(len(d.events) + 1), data})
	p := stored{ID: id.String(), Status: "POSTED", Amount: amount(minor)}
	p.Split.Principal, p.Split.Interest, p.Split.Fees = amount(s.Principal), amount(s.Interest), amount(s.Fees)
	p.Split.Penalties, p.Split.Overpaid = amount(0), amount(s.Overpaid)
	d.payments = append(d.payments, p)
	var x entry
	text := fmt.Sprintf(`{"id":%q,"metadata":{"payment_id":%q},"lines":[
		{"account":"1000.INR","side":"DEBIT","amount":{"amount":%q,"currency":"INR"}},
		{"account":"1100.INR.x","side":"CREDIT","amount":{"amount":%q,"currency":"INR"}}]}`,
		uuid.New(), id, amount(minor).Amount, amount(minor).Amount)
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatal(err)
	}
	d.entries = append(d.entries, x)
}

// first is one loan of the evidence, the same each time.
func (e *evidence) first() *dossier {
	var least *dossier
	for _, l := range e.loans {
		if least == nil || l.id < least.id {
			least = l
		}
	}
	return least
}

// TestEachFaultBreaksItsInvariant spoils evidence in one way after the other.
func TestEachFaultBreaksItsInvariant(t *testing.T) {
	t.Parallel()
	if v := judge(whole(t)); !v.whole() {
		t.Fatalf("whole evidence: %+v", v.details)
	}
	for _, c := range []struct {
		name, broken string
		spoil        func(*evidence)
	}{
		{"a lost payment", "I2", func(e *evidence) { e.first().payments = e.first().payments[1:] }},
		{"another amount than acknowledged", "I2", func(e *evidence) { e.intents[1].Minor++ }},
		{"another id than acknowledged", "I2", func(e *evidence) { e.intents[2].Acks = append(e.intents[2].Acks, "other") }},
		{"on another loan", "I2", func(e *evidence) { e.intents[3].Loan = "other" }},
		{"a payment twice", "I3", func(e *evidence) {
			e.first().payments = append(e.first().payments, e.first().payments[0])
		}},
		{"a refused payment exists", "I3", func(e *evidence) { e.intents[1].Acks, e.intents[1].Refused = nil, true }},
		{"an outcome that nobody knows", "I3", func(e *evidence) { e.intents[99].Refused = false }},
		{"a payment that nobody intended", "I3", func(e *evidence) { delete(e.intents, 1) }},
		{"an entry that does not balance", "I1", func(e *evidence) {
			e.first().entries[0].Lines[0].Amount = amount(1)
		}},
		{"a trial balance that is not zero", "I1", func(e *evidence) { e.trial.Balanced = false }},
		{"a trial balance that is not the journal", "I4", func(e *evidence) { e.trial.Rows[0].Debits = amount(7) }},
		{"an entry listed twice", "I4", func(e *evidence) {
			e.first().entries = append(e.first().entries, e.first().entries[0])
		}},
		{"a payment that is not booked", "I4", func(e *evidence) { e.first().entries = e.first().entries[1:] }},
		{"a loan that is not what the ledger has", "I4", func(e *evidence) { e.differ = []string{"x"} }},
		{"a balance that is not the model's", "I4", func(e *evidence) { e.first().portfolio++ }},
		{"a missing version", "I5", func(e *evidence) { e.first().events[2].version++ }},
		{"events out of order", "I5", func(e *evidence) { e.disorder = []string{"2 after 3"} }},
		{"a payment announced twice", "I5", func(e *evidence) {
			again := e.first().events[0]
			again.version = 4
			e.first().events = append(e.first().events, again)
		}},
		{"a payment never announced", "I5", func(e *evidence) { e.first().events = e.first().events[:2] }},
		{"another split than announced", "I5", func(e *evidence) { e.first().payments[0].Split.Fees = amount(5) }},
		{"an effect twice", "I6", func(e *evidence) { e.effects[e.first().payments[0].ID] = 2 }},
		{"an effect missing", "I6", func(e *evidence) { delete(e.effects, e.first().payments[0].ID) }},
		{"an effect of nothing", "I6", func(e *evidence) { e.effects["nothing"] = 1 }},
		{"a good event buried", "I6", func(e *evidence) { e.wrongly = []string{"x"} }},
		{"poison not buried", "I6", func(e *evidence) { delete(e.buried, "poison") }},
		{"a broken chain of the journal", "I7", func(e *evidence) { e.intact = false }},
		{"a broken audit chain", "I7", func(e *evidence) { e.first().auditOdd = "row 2" }},
		{"a missing audit row", "I7", func(e *evidence) { e.first().audited-- }},
		{"a split that loses a cent", "I8", func(e *evidence) { e.first().payments[0].Split.Principal = amount(1) }},
		{"another debt than the model's", "I8", func(e *evidence) { e.first().account.Outstanding.Total = amount(1) }},
		{"another status than the model's", "I8", func(e *evidence) { e.first().account.Status = "CLOSED" }},
		{"another plan than signed", "I8", func(e *evidence) { e.first().planned++ }},
		{"an instalment overdue twice", "I10", func(e *evidence) {
			overdue := heard{uuid.New(), event.PaymentOverdue{}.Type(), 4, []byte(`{"instalment":2}`)}
			e.first().events = append(e.first().events, overdue, overdue)
		}},
		{"an amount that is none", "I8", func(e *evidence) { e.first().account.Overpaid.Amount = "x" }},
	} {
		e := whole(t)
		c.spoil(e)
		if v := judge(e); v.broken[c.broken] == 0 {
			t.Errorf("%s: broken are %v, want %s among them", c.name, v.broken, c.broken)
		}
	}
}

func TestVerdictCountsLossAndDuplication(t *testing.T) {
	t.Parallel()
	e := whole(t)
	l := e.first()
	l.payments = append(l.payments[1:], l.payments[1])
	v := judge(e)
	if v.lost != 1 || v.duplicated != 1 {
		t.Errorf("lost %d, duplicated %d; want one each", v.lost, v.duplicated)
	}
	for range 3 * kept {
		v.add(violation{"I9", "again"})
	}
	told := 0
	for _, x := range v.details {
		if strings.Contains(x.Text, "again") {
			told++
		}
	}
	if told != kept || v.broken["I9"] != 3*kept {
		t.Errorf("told %d of %d times, want %d", told, v.broken["I9"], kept)
	}
}

func TestUnpaidLoans(t *testing.T) {
	t.Parallel()
	l := &dossier{id: "l", events: []heard{{typ: event.DisbursementInitiated{}.Type()}}}
	e := &evidence{loans: map[string]*dossier{"l": l}}
	if e.unpaid() != "l" {
		t.Error("a payout that is under way was not seen")
	}
	l.events = append(l.events, heard{typ: event.DisbursementCompleted{}.Type()})
	if e.unpaid() != "" {
		t.Error("a payout that is done was taken for open")
	}
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var times []time.Duration
	if percentile(times, 99) != 0 {
		t.Error("the percentile of nothing is not zero")
	}
	for i := range 200 {
		times = append(times, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{1: 2, 50: 100, 99: 198, 100: 200} {
		if got := percentile(times, p); got != want {
			t.Errorf("p%d is %d, want %d", p, got, want)
		}
	}
}
