package verdict

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

// TestModelAgreesWithTheDomain pays loans in any amounts through the model and
// through the platform's own domain code.
func TestModelAgreesWithTheDomain(t *testing.T) {
	t.Parallel()
	day := civil.Date{Year: 2026, Month: 1, Day: 15}
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		plan, err := DrawSchedule(rand.New(rand.NewPCG(seed, 1)), day)
		if err != nil {
			t.Fatal(err)
		}
		change, err := servicing.Activate(servicing.Activation{
			LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: uuid.New(),
			DisbursementID: uuid.New(), Terms: plan.Terms, ScheduleHash: plan.Hash(), On: day,
		})
		if err != nil {
			t.Fatal(err)
		}
		if change, err = change.Loan.CompleteDisbursement(change.Loan.Disbursement.ID, "r", day); err != nil {
			t.Fatal(err)
		}
		m, on := newLoanModel(plan), day
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
				ID: uuid.New(), Kind: servicing.Normal, Amount: money.New(minor, Currency), ValueDate: on,
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
func whole(t *testing.T) *Evidence {
	t.Helper()
	e := &Evidence{
		Intents: map[int64]*Intent{}, Loans: map[string]*Dossier{}, Intact: true, Effects: map[string]int{},
		Buried: map[string]int{"poison": 1}, Poisons: [][]byte{[]byte("poison")},
	}
	e.Trial.Balanced = true
	debits, credits := map[string]int64{}, map[string]int64{}
	n := int64(0)
	for range 2 {
		plan, err := DrawSchedule(rand.New(rand.NewPCG(1, 2)), civil.Date{Year: 2026, Month: 1, Day: 15})
		if err != nil {
			t.Fatal(err)
		}
		d := &Dossier{ID: uuid.NewString(), Schedule: plan}
		m := newLoanModel(plan)
		d.Planned = m.open()
		for range 3 {
			n++
			id, minor := uuid.New(), 10_000*n
			s := m.pay(minor)
			add(t, d, id, minor, s)
			e.Intents[n] = &Intent{Line: Line{N: n, Loan: d.ID, Minor: minor}, Acks: []string{id.String()}}
			d.Payments[len(d.Payments)-1].Reference = Reference(n)
			e.Effects[id.String()] = 1
			debits["1000"] += minor
			credits["1100"] += minor
		}
		d.Account.Outstanding.Total, d.Account.Overpaid = MoneyOf(m.open()), MoneyOf(0)
		d.Account.Status, d.Portfolio, d.Audited = m.status(), m.owed(), 3
		e.Loans[d.ID] = d
	}
	e.Intents[99] = &Intent{Line: Line{Status: 409}, Refused: true}
	for gl := range map[string]bool{"1000": true, "1100": true} {
		e.Trial.Rows = append(e.Trial.Rows, TrialRow{gl, MoneyOf(debits[gl]), MoneyOf(credits[gl])})
	}
	return e
}

// add gives a loan a payment with its event and its entry.
func add(t *testing.T, d *Dossier, id uuid.UUID, minor int64, s split) {
	t.Helper()
	m := func(v int64) money.Amount { return money.New(v, Currency) }
	data, err := json.Marshal(event.PaymentVerified{
		PaymentID: id, ValueDate: civil.Date{Year: 2026, Month: 2, Day: 1}, Amount: m(minor),
		Principal: m(s.Principal), Interest: m(s.Interest), Fees: m(s.Fees),
		Penalties: m(0), Overpaid: m(s.Overpaid),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Events = append(d.Events, Heard{event.PaymentVerified{}.Type(), int64(len(d.Events) + 1), data})
	p := Payment{ID: id.String(), Status: "POSTED", Amount: MoneyOf(minor)}
	p.Split.Principal, p.Split.Interest, p.Split.Fees = MoneyOf(s.Principal), MoneyOf(s.Interest), MoneyOf(s.Fees)
	p.Split.Penalties, p.Split.Overpaid = MoneyOf(0), MoneyOf(s.Overpaid)
	d.Payments = append(d.Payments, p)
	var x Entry
	text := fmt.Sprintf(`{"id":%q,"metadata":{"payment_id":%q},"lines":[
		{"account":"1000.INR","side":"DEBIT","amount":{"amount":%q,"currency":"INR"}},
		{"account":"1100.INR.x","side":"CREDIT","amount":{"amount":%q,"currency":"INR"}}]}`,
		uuid.New(), id, MoneyOf(minor).Amount, MoneyOf(minor).Amount)
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatal(err)
	}
	d.Entries = append(d.Entries, x)
}

// first is one loan of the evidence, the same each time.
func (e *Evidence) first() *Dossier {
	var least *Dossier
	for _, l := range e.Loans {
		if least == nil || l.ID < least.ID {
			least = l
		}
	}
	return least
}

// TestEachFaultBreaksItsInvariant spoils evidence in one way after the other.
func TestEachFaultBreaksItsInvariant(t *testing.T) {
	t.Parallel()
	if v := Judge(whole(t)); !v.Whole() {
		t.Fatalf("whole evidence: %+v", v.Details)
	}
	for _, c := range []struct {
		name, broken string
		spoil        func(*Evidence)
	}{
		{"a lost payment", "I2", func(e *Evidence) { e.first().Payments = e.first().Payments[1:] }},
		{"another amount than acknowledged", "I2", func(e *Evidence) { e.Intents[1].Minor++ }},
		{"another id than acknowledged", "I2", func(e *Evidence) { e.Intents[2].Acks = append(e.Intents[2].Acks, "other") }},
		{"on another loan", "I2", func(e *Evidence) { e.Intents[3].Loan = "other" }},
		{"a payment twice", "I3", func(e *Evidence) {
			e.first().Payments = append(e.first().Payments, e.first().Payments[0])
		}},
		{"a refused payment exists", "I3", func(e *Evidence) { e.Intents[1].Acks, e.Intents[1].Refused = nil, true }},
		{"an outcome that nobody knows", "I3", func(e *Evidence) { e.Intents[99].Refused = false }},
		{"a payment that nobody intended", "I3", func(e *Evidence) { delete(e.Intents, 1) }},
		{"an entry that does not balance", "I1", func(e *Evidence) {
			e.first().Entries[0].Lines[0].Amount = MoneyOf(1)
		}},
		{"a trial balance that is not zero", "I1", func(e *Evidence) { e.Trial.Balanced = false }},
		{"a trial balance that is not the journal", "I4", func(e *Evidence) { e.Trial.Rows[0].Debits = MoneyOf(7) }},
		{"an entry listed twice", "I4", func(e *Evidence) {
			e.first().Entries = append(e.first().Entries, e.first().Entries[0])
		}},
		{"a payment that is not booked", "I4", func(e *Evidence) { e.first().Entries = e.first().Entries[1:] }},
		{"a loan that is not what the ledger has", "I4", func(e *Evidence) { e.Differ = []string{"x"} }},
		{"a balance that is not the model's", "I4", func(e *Evidence) { e.first().Portfolio++ }},
		{"a missing version", "I5", func(e *Evidence) { e.first().Events[2].Version++ }},
		{"events out of order", "I5", func(e *Evidence) { e.Disorder = []string{"2 after 3"} }},
		{"a payment announced twice", "I5", func(e *Evidence) {
			again := e.first().Events[0]
			again.Version = 4
			e.first().Events = append(e.first().Events, again)
		}},
		{"a payment never announced", "I5", func(e *Evidence) { e.first().Events = e.first().Events[:2] }},
		{"another split than announced", "I5", func(e *Evidence) { e.first().Payments[0].Split.Fees = MoneyOf(5) }},
		{"an effect twice", "I6", func(e *Evidence) { e.Effects[e.first().Payments[0].ID] = 2 }},
		{"an effect missing", "I6", func(e *Evidence) { delete(e.Effects, e.first().Payments[0].ID) }},
		{"an effect of nothing", "I6", func(e *Evidence) { e.Effects["nothing"] = 1 }},
		{"a good event buried", "I6", func(e *Evidence) { e.Wrongly = []string{"x"} }},
		{"poison not buried", "I6", func(e *Evidence) { delete(e.Buried, "poison") }},
		{"a broken chain of the journal", "I7", func(e *Evidence) { e.Intact = false }},
		{"a broken audit chain", "I7", func(e *Evidence) { e.first().AuditOdd = "row 2" }},
		{"a missing audit row", "I7", func(e *Evidence) { e.first().Audited-- }},
		{"a split that loses a cent", "I8", func(e *Evidence) { e.first().Payments[0].Split.Principal = MoneyOf(1) }},
		{"another debt than the model's", "I8", func(e *Evidence) { e.first().Account.Outstanding.Total = MoneyOf(1) }},
		{"another status than the model's", "I8", func(e *Evidence) { e.first().Account.Status = "CLOSED" }},
		{"another plan than signed", "I8", func(e *Evidence) { e.first().Planned++ }},
		{"an instalment overdue twice", "I10", func(e *Evidence) {
			overdue := Heard{event.PaymentOverdue{}.Type(), 4, []byte(`{"instalment":2}`)}
			e.first().Events = append(e.first().Events, overdue, overdue)
		}},
		{"an amount that is none", "I8", func(e *Evidence) { e.first().Account.Overpaid.Amount = "x" }},
	} {
		e := whole(t)
		c.spoil(e)
		if v := Judge(e); v.Broken[c.broken] == 0 {
			t.Errorf("%s: broken are %v, want %s among them", c.name, v.Broken, c.broken)
		}
	}
}

func TestVerdictCountsLossAndDuplication(t *testing.T) {
	t.Parallel()
	e := whole(t)
	l := e.first()
	l.Payments = append(l.Payments[1:], l.Payments[1])
	v := Judge(e)
	if v.Lost != 1 || v.Duplicated != 1 {
		t.Errorf("lost %d, duplicated %d; want one each", v.Lost, v.Duplicated)
	}
	for range 3 * kept {
		v.Add(Violation{"I9", "again"})
	}
	told := 0
	for _, x := range v.Details {
		if strings.Contains(x.Text, "again") {
			told++
		}
	}
	if told != kept || v.Broken["I9"] != 3*kept {
		t.Errorf("told %d of %d times, want %d", told, v.Broken["I9"], kept)
	}
}

func TestUnpaidLoans(t *testing.T) {
	t.Parallel()
	l := &Dossier{ID: "l", Events: []Heard{{Type: event.DisbursementInitiated{}.Type()}}}
	e := &Evidence{Loans: map[string]*Dossier{"l": l}}
	if e.Unpaid() != "l" {
		t.Error("a payout that is under way was not seen")
	}
	l.Events = append(l.Events, Heard{Type: event.DisbursementCompleted{}.Type()})
	if e.Unpaid() != "" {
		t.Error("a payout that is done was taken for open")
	}
}
