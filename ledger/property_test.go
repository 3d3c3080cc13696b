package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgertest"
)

// TestBooksKeepTheirInvariants drives a ledger with any commands, sound or not,
// and asks after each: debits equal credits in every currency, no limit is
// passed, counting what is pending as posted, a refusal changes nothing, and a
// key means one entry.
func TestBooksKeepTheirInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := ledgertest.NewModel()
		now := time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)
		accounts := openSome(t, m)
		for i := range rapid.IntRange(1, 8).Draw(t, "commands") {
			now = now.Add(time.Minute)
			before := fmt.Sprint(m.Journal, len(m.Pending))
			if err := command(t, m, now, accounts, fmt.Sprint("key/", rapid.IntRange(0, i).Draw(t, "key"))); err != nil {
				if _, ok := ledger.AsRejection(err); !ok && err.Error() != ledger.ErrKeyReused.Error() {
					t.Fatalf("refused without a reason: %v", err)
				}
				if after := fmt.Sprint(m.Journal, len(m.Pending)); after != before {
					t.Fatalf("%v, but the books changed", err)
				}
			}
			holds(t, m, accounts)
		}
	})
}

func openSome(t *rapid.T, m *ledgertest.Model) []ledger.Account {
	t.Helper()
	var accounts []ledger.Account
	limits := []ledger.Limit{ledger.NoLimit, ledger.DebitsMustNotExceedCredits, ledger.CreditsMustNotExceedDebits}
	for i, kind := range []ledger.AccountType{ledger.Asset, ledger.Liability, ledger.Asset, ledger.Income} {
		gl := ledger.GLAccount{Code: string(kind), Name: "GL", Type: kind, NormalSide: kind.NormalSide()}
		a := ledger.Account{
			Code: fmt.Sprint("a", i), Name: "A", GLCode: gl.Code, Type: kind, NormalSide: kind.NormalSide(), Currency: eur,
			Limit: limits[i%len(limits)],
		}
		if err := m.OpenGL(gl); err != nil {
			t.Fatal(err)
		}
		if err := m.OpenAccount(a); err != nil {
			t.Fatal(err)
		}
		accounts = append(accounts, a)
	}
	return accounts
}

func command(t *rapid.T, m *ledgertest.Model, now time.Time, accounts []ledger.Account, key string) error {
	t.Helper()
	pick := func(name string) ledger.Account { return rapid.SampledFrom(accounts).Draw(t, name) }
	amount := money.New(rapid.Int64Range(0, 20).Draw(t, "amount"), eur)
	e := ledger.JournalEntry{
		Key: key, Kind: "TEST", EffectiveDate: civil.DateOf(now).AddDays(rapid.IntRange(-3, 3).Draw(t, "day")),
		Lines: []ledger.Line{
			{AccountID: pick("debit").ID(), Side: ledger.Debit, Amount: amount},
			{AccountID: pick("credit").ID(), Side: ledger.Credit, Amount: amount},
		},
	}
	var err error
	switch act := rapid.SampledFrom([]string{"post", "post", "reverse", "pend", "settle", "void"}).Draw(t, "act"); {
	case act == "post":
		_, err = m.Post(now, e)
	case act == "reverse" && len(m.Journal) > 0:
		original := rapid.SampledFrom(m.Journal).Draw(t, "original").Entry
		_, err = m.Post(now, original.Reverse(ledger.Reversal{Key: key, EffectiveDate: e.EffectiveDate}))
	case act == "pend":
		_, err = m.OpenPending(now, ledger.Pending{JournalEntry: e})
	case act == "settle" && m.Pending[key] != nil:
		_, err = m.PostPending(now, key, key+"/settled", nil)
	case act == "void" && m.Pending[key] != nil:
		err = m.VoidPending(now, key)
	}
	return err
}

func holds(t *rapid.T, m *ledgertest.Model, accounts []ledger.Account) {
	t.Helper()
	ever := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	var net int64
	for _, a := range accounts {
		b, err := m.Balance(a.ID(), civil.Date{Year: 9999, Month: 1, Day: 1}, ever)
		if err != nil {
			t.Fatal(err)
		}
		net += b.Debits.Minor() - b.Credits.Minor()
		debits, credits := b.Debits.Minor(), b.Credits.Minor()
		for _, p := range m.Pending {
			for _, line := range p.Entry.Lines {
				against := line.Side == ledger.Debit && a.Limit == ledger.DebitsMustNotExceedCredits ||
					line.Side == ledger.Credit && a.Limit == ledger.CreditsMustNotExceedDebits
				if p.State != ledger.PendingOpen || line.AccountID != a.ID() || !against {
					continue
				}
				if line.Side == ledger.Debit {
					debits += line.Amount.Minor()
				} else {
					credits += line.Amount.Minor()
				}
			}
		}
		if !a.Limit.Allows(debits, credits) {
			t.Fatalf("%s holds %d debits and %d credits in spite of %s", a.Code, debits, credits, a.Limit)
		}
	}
	if net != 0 {
		t.Fatalf("debits exceed credits by %d", net)
	}
	keys := map[string]bool{}
	for _, p := range m.Journal {
		if keys[p.Entry.Key] {
			t.Fatalf("key %s is in the journal twice", p.Entry.Key)
		}
		keys[p.Entry.Key] = true
	}
}
