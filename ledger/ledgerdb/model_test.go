package ledgerdb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/ledgertest"
)

// universe is every account that commands and questions may name; some are
// never opened. It is fixed, so that questions do not follow the data.
var universe = func() []ledger.Account {
	limits := []ledger.Limit{ledger.NoLimit, ledger.DebitsMustNotExceedCredits, ledger.CreditsMustNotExceedDebits}
	var all []ledger.Account
	for _, code := range []string{"EUR", "JPY"} {
		for i, kind := range []ledger.AccountType{ledger.Asset, ledger.Liability, ledger.Income, ledger.Asset} {
			all = append(all, ledger.Account{
				Code: fmt.Sprintf("%s.%d", code, i), Name: "Account", GLCode: "gl-" + string(kind), Type: kind,
				NormalSide: kind.NormalSide(), Currency: money.MustCurrency(code), Limit: limits[i%len(limits)],
			})
		}
	}
	return all
}()

const neverOpened = 2 // the last accounts of the universe

// duel is the store and the model side by side.
type duel struct {
	store
	model     *ledgertest.Model
	committer *ledgerdb.Committer
	now       time.Time
	keys      int
}

func (d *duel) reset() error {
	tables := []string{
		"ledger_pending_line", "ledger_pending",
		"ledger_line", "ledger_entry", "ledger_batch", "ledger_unsealed", "ledger_seal", "ledger_block",
		"ledger_block_sum", "ledger_heading", "ledger_reversal", "ledger_rejection", "ledger_limit",
		"ledger_account", "ledger_gl", "ledger_period_event", "ledger_record", "ledger_unsealed_record",
	}
	err := d.in(func(tx database.Tx) error {
		for _, table := range tables {
			if _, err := tx.Exec(d.ctx, "delete from "+table+" where true"); err != nil {
				return err
			}
		}
		_, err := tx.Exec(d.ctx, `
			with moved as (
				update ledger_control set closed_through = '1899-12-31', account_epoch = account_epoch + 1
				 where id = 1 returning account_epoch)
			insert into ledger_unsealed_record (kind, subject, number, hash)
			select 'REOPENED', $1, m.account_epoch, ''::bytea from moved m`, uuid.Nil)
		return err
	})
	d.model = ledgertest.NewModel()
	d.model.RememberRejections = true
	d.now, d.keys = noon, 0
	d.committer = ledgerdb.NewCommitter(d.db, func() time.Time { return d.now })
	for _, a := range universe[:len(universe)-neverOpened] {
		gl := ledger.GLAccount{Code: a.GLCode, Name: "GL", Type: a.Type, NormalSide: a.NormalSide}
		err = errors.Join(err, d.OpenGL(gl), d.model.OpenGL(gl), d.OpenAccount(a), d.model.OpenAccount(a))
	}
	return err
}

func drawDate(t *rapid.T, name string) civil.Date {
	return civil.Date{Year: 2026, Month: time.March, Day: 1}.AddDays(rapid.IntRange(-20, 20).Draw(t, name))
}

// drawEntry makes an entry that is mostly sound.
func (d *duel) drawEntry(t *rapid.T) ledger.JournalEntry {
	key := fmt.Sprint("key/", rapid.IntRange(0, d.keys+3).Draw(t, "key"))
	if old := d.model.Journal; len(old) > 0 && rapid.IntRange(0, 9).Draw(t, "repeat") == 0 {
		e := rapid.SampledFrom(old).Draw(t, "old").Entry
		if rapid.Bool().Draw(t, "reverse") {
			mirror := e.Reverse(ledger.Reversal{Key: key, EffectiveDate: drawDate(t, "date")})
			if rapid.IntRange(0, 4).Draw(t, "bent") == 0 {
				mirror.Lines = slices.Clone(mirror.Lines[1:])
			}
			return mirror
		}
		return e
	}
	e := ledger.JournalEntry{
		Key: key, Kind: "TEST", EffectiveDate: drawDate(t, "date"),
		Reference: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "reference"),
	}
	if rapid.IntRange(0, 4).Draw(t, "late") == 0 {
		e.BookingDate = drawDate(t, "booking")
	}
	for range rapid.IntRange(1, 3).Draw(t, "pairs") {
		debit, credit := rapid.SampledFrom(universe).Draw(t, "debit"), rapid.SampledFrom(universe).Draw(t, "credit")
		amount := rapid.Int64Range(0, 30).Draw(t, "amount")
		e.Lines = append(e.Lines,
			ledger.Line{AccountID: debit.ID(), Side: ledger.Debit, Amount: money.New(amount, debit.Currency)},
			ledger.Line{AccountID: credit.ID(), Side: ledger.Credit, Amount: money.New(amount, credit.Currency)})
	}
	return e
}

// tick moves the clock, sometimes back: processes do not agree on the time.
func (d *duel) tick(t *rapid.T) {
	d.now = d.now.Add(time.Duration(rapid.IntRange(-400, 1000).Draw(t, "pause")) * time.Millisecond)
}

// post sends a few entries to both and compares every answer.
func (d *duel) post(t *rapid.T) {
	d.tick(t)
	entries := make([]ledger.JournalEntry, rapid.IntRange(1, 6).Draw(t, "count"))
	for i := range entries {
		entries[i] = d.drawEntry(t)
		d.keys++
	}
	got := d.committer.PostEach(d.ctx, entries)
	for i, e := range entries {
		replayed, err := d.model.Post(d.now, e)
		want, have := verdict(replayed, err), verdict(got[i].Posted.Replayed, got[i].Err)
		if want != have {
			t.Fatalf("entry %d %q: store says %s, model says %s", i, e.Key, have, want)
		}
	}
}

func verdict(replayed bool, err error) string {
	if rejection, ok := ledger.AsRejection(err); ok {
		return string(rejection.Code) + " " + rejection.FieldName()
	}
	return fmt.Sprint(replayed, " ", errors.Is(err, ledger.ErrKeyReused), " ", err != nil)
}

func (d *duel) setClosed(t *rapid.T) {
	a := rapid.SampledFrom(universe[:len(universe)-neverOpened]).Draw(t, "account")
	closed := rapid.Bool().Draw(t, "closed")
	want, got := verdict(false, d.model.SetClosed(a.ID(), closed)), verdict(false, d.SetClosed(a.ID(), closed))
	if want != got {
		t.Fatalf("closing %s: store says %s, model says %s", a.Code, got, want)
	}
}

func (d *duel) closePeriod(t *rapid.T) {
	through := drawDate(t, "through").AddDays(-18)
	want, got := verdict(false, d.model.ClosePeriod(d.now, through)), verdict(false, d.ClosePeriod(d.now, through))
	if want != got {
		t.Fatalf("closing through %s: store says %s, model says %s", through, got, want)
	}
}

// pend opens, posts, voids and expires pending entries on both.
func (d *duel) pend(t *rapid.T) {
	d.tick(t)
	key := fmt.Sprint("pending/", rapid.IntRange(0, 9).Draw(t, "pending"))
	var want, got string
	switch act := rapid.SampledFrom([]string{"open", "open", "post", "post", "void", "expire"}).Draw(t, "act"); {
	case act == "open":
		p := ledger.Pending{JournalEntry: d.drawEntry(t)}
		p.Key, p.Reverses = key, uuid.Nil
		if rapid.Bool().Draw(t, "expires") {
			p.ExpiresAt = d.now.Add(time.Duration(rapid.IntRange(-100, 3000).Draw(t, "life")) * time.Millisecond)
		}
		want, got = verdict(d.model.OpenPending(d.now, p)), verdict(d.OpenPending(d.now, p))
	case act == "expire":
		want, got = verdict(false, d.model.ExpirePending(d.now)), verdict(false, d.ExpirePending(d.now))
	case d.model.Pending[key] == nil:
		return
	case act == "void":
		want, got = verdict(false, d.model.VoidPending(d.now, key)), verdict(false, d.VoidPending(d.now, key))
	default:
		entryKey := fmt.Sprint("key/", rapid.IntRange(0, d.keys+3).Draw(t, "key"))
		d.keys++
		var lines []ledger.Line
		if rapid.Bool().Draw(t, "partly") {
			lines = slices.Clone(d.model.Pending[key].Entry.Lines[:2])
			minor := rapid.Int64Range(1, 30).Draw(t, "part")
			for i, line := range lines {
				lines[i].Amount = money.New(minor, line.Amount.Currency())
			}
		}
		want = verdict(d.model.PostPending(d.now, key, entryKey, lines))
		got = verdict(d.PostPending(d.now, key, entryKey, lines))
	}
	if want != got {
		t.Fatalf("%s: store says %s, model says %s", key, got, want)
	}
}

// available compares what is left on every account.
func (d *duel) available(t *rapid.T) {
	for _, a := range universe[:len(universe)-neverOpened] {
		want, err := d.model.Available(d.now, a.ID())
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Available(d.now, a.ID())
		if err != nil || got != want {
			t.Fatalf("available on %s: store says %s (%v), model says %s", a.Code, got, err, want)
		}
	}
}

// seal seals a step with blocks of a few lines, so that short histories have
// many of them, on several levels.
func (d *duel) seal(t *rapid.T) {
	lines := rapid.Int64Range(1, 6).Draw(t, "lines in a block")
	batches := rapid.Int64Range(1, 3).Draw(t, "batches in a block")
	sample := rapid.Int64Range(1, 2).Draw(t, "sample")
	err := d.in(func(tx database.Tx) error {
		_, _, err := ledgerdb.SealShaped(d.ctx, tx, lines, batches, sample)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// point draws a point of both times, whatever the books hold.
func point(t *rapid.T) ledgerdb.At {
	return ledgerdb.At{
		Effective: drawDate(t, "effective"),
		Known:     noon.Add(time.Duration(rapid.IntRange(-1000, 20_000).Draw(t, "known")) * time.Millisecond),
	}
}

// ask compares the balances of all accounts at any pair of dates.
func (d *duel) ask(t *rapid.T) {
	at := point(t)
	var ids []uuid.UUID
	want := map[uuid.UUID]ledger.Balance{}
	for _, a := range universe {
		ids = append(ids, a.ID())
		if _, opened := d.model.Accounts[a.ID()]; opened {
			balance, err := d.model.Balance(a.ID(), at.Effective, at.Known)
			if err != nil {
				t.Fatal(err)
			}
			want[a.ID()] = balance
		}
	}
	got := query(t, d, func(tx database.Tx) (map[uuid.UUID]ledger.Balance, error) {
		return ledgerdb.Balances(d.ctx, tx, at, ids...)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("balances at %v (-model +store):\n%s", at, diff)
	}
}

// trial compares the trial balance at any pair of dates, on either basis.
func (d *duel) trial(t *rapid.T) {
	at := point(t)
	basis := rapid.SampledFrom([]ledgerdb.Basis{ledgerdb.ByEffective, ledgerdb.ByBooking}).Draw(t, "basis")
	report := query(t, d, func(tx database.Tx) (ledgerdb.TrialBalance, error) {
		return ledgerdb.Trial(d.ctx, tx, at, basis)
	})
	got := map[string]ledgertest.Totals{}
	for _, r := range report.Rows {
		got[r.GL.Code+" "+r.Currency.Code()] = ledgertest.Totals{Debits: r.Debits.Minor(), Credits: r.Credits.Minor()}
	}
	want := d.model.Trial(basis == ledgerdb.ByBooking, at.Effective, at.Known)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("trial balance at %v by %s (-model +store):\n%s", at, basis, diff)
	}
	for _, total := range report.Totals {
		if !total.Difference.IsZero() {
			t.Fatalf("the books differ by %s", total.Difference)
		}
	}
}

// statement compares a statement, read page by page. Batches of one instant may
// come in any order.
func (d *duel) statement(t *rapid.T) {
	account := rapid.SampledFrom(universe[:len(universe)-neverOpened]).Draw(t, "account")
	r := ledgerdb.StatementRange{
		From: drawDate(t, "from"), To: drawDate(t, "to"), View: ledgerdb.View{Known: point(t).Known},
		Limit: rapid.IntRange(1, 9).Draw(t, "limit"),
	}
	want := d.model.Statement(account.ID(), r.From, r.To, r.View.Known)
	opening, err := d.model.Balance(account.ID(), r.From.AddDays(-1), r.View.Known)
	if err != nil {
		t.Fatal(err)
	}
	running, lines := opening.Net, map[string]int{}
	for _, l := range want {
		lines[fmt.Sprint(ledger.EntryID(l.Key), l.Line)]++
	}
	for page := r.Limit; page == r.Limit; {
		s := query(t, d, func(tx database.Tx) (ledgerdb.Statement, error) {
			return ledgerdb.ReadStatement(d.ctx, tx, account, r)
		})
		if s.Opening != opening {
			t.Fatalf("statement of %s opens at %v, model says %v", account.Code, s.Opening, opening)
		}
		for _, l := range s.Lines {
			lines[fmt.Sprint(l.Position.Entry, l.Position.Line)]--
			r.After, r.Running, running = l.Position, l.Running, l.Running
		}
		page = len(s.Lines)
	}
	for line, n := range lines {
		if n != 0 {
			t.Fatalf("statement of %s: line %s is there %d times too few", account.Code, line, n)
		}
	}
	if len(want) > 0 && want[len(want)-1].Running != running.Minor() {
		t.Fatalf("statement of %s ends at %s, model says %d", account.Code, running, want[len(want)-1].Running)
	}
}

// query asks the store something in one read transaction.
func query[T any](t *rapid.T, d *duel, ask func(tx database.Tx) (T, error)) T {
	var got T
	err := database.InReadTx(d.ctx, d.db, func(tx database.Tx) error {
		var err error
		got, err = ask(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// verify holds that the books are whole, blocks included.
func (d *duel) verify(t *rapid.T) {
	if _, err := ledgerdb.Verify(d.ctx, d.db, nil); err != nil {
		t.Fatal(err)
	}
}

// list compares the whole journal with the model's, page by page.
func (d *duel) list(t *rapid.T) {
	filter := ledgerdb.EntryFilter{
		Limit: rapid.IntRange(1, 20).Draw(t, "limit"), From: drawDate(t, "from"), To: drawDate(t, "to"),
		Reference: rapid.SampledFrom([]string{"", "a"}).Draw(t, "reference"),
	}
	if rapid.Bool().Draw(t, "by account") {
		filter.Account = rapid.SampledFrom(universe).Draw(t, "account").ID()
	}
	var want, got []string
	place := map[uuid.UUID]int{}
	for i, p := range d.model.Journal {
		e := p.Entry
		place[e.ID()] = i
		onAccount := slices.ContainsFunc(e.Lines, func(l ledger.Line) bool { return l.AccountID == filter.Account })
		if e.EffectiveDate.Before(filter.From) || e.EffectiveDate.After(filter.To) ||
			filter.Reference != "" && e.Reference != filter.Reference || filter.Account != uuid.Nil && !onAccount {
			continue
		}
		want = append(want, fmt.Sprintf("%s %d %s %x", e.EffectiveDate, p.Recorded.UnixMicro(), e.ID(), e.Hash()))
	}
	slices.Sort(want)
	var before ledgerdb.Entry
	for page := filter.Limit; page == filter.Limit; {
		var entries []ledgerdb.Entry
		err := database.InReadTx(d.ctx, d.db, func(tx database.Tx) error {
			var err error
			entries, err = ledgerdb.Entries(d.ctx, tx, filter)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			got = append(got, fmt.Sprintf("%s %d %s %x", e.EffectiveDate, e.RecordedAt.UnixMicro(), e.ID(), e.Hash()))
			filter.After = e.Position()
			if e.BatchID == before.BatchID && place[e.ID()] < place[before.ID()] && e.EffectiveDate == before.EffectiveDate {
				t.Fatalf("entry %q comes behind %q, which was posted after it", e.Key, before.Key)
			}
			before = e
		}
		page = len(entries)
	}
	slices.Sort(got) // batches of one instant come in any order, but always the same
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("journal (-model +store):\n%s", diff)
	}
}

// modelBooks is how many databases are driven at once. Each has as many random
// histories as -rapid.checks says, 100 if it says nothing.
const modelBooks = 4

// TestStoreAgreesWithTheModel drives both with the same random commands and
// compares every answer. Questions are drawn without a look at the data.
func TestStoreAgreesWithTheModel(t *testing.T) {
	t.Parallel()
	for book := range modelBooks {
		t.Run(fmt.Sprint("books ", book), func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t, "core")
			rapid.Check(t, func(t *rapid.T) { playDuel(t, db) })
		})
	}
}

func playDuel(t *rapid.T, db *database.DB) {
	d := &duel{store: store{ctx: context.Background(), db: db}}
	if err := d.reset(); err != nil {
		t.Fatal(err)
	}
	t.Repeat(map[string]func(*rapid.T){
		"post": d.post, "post more": d.post, "post yet more": d.post, "close": d.setClosed, "lock": d.closePeriod,
		"seal": d.seal, "seal more": d.seal, "ask": d.ask, "trial": d.trial, "statement": d.statement, "verify": d.verify,
		"list": d.list, "pend": d.pend, "pend more": d.pend, "available": d.available,
	})
}
