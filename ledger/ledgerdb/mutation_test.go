package ledgerdb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// mutationRound is how many changes share a transaction.
const mutationRound = 250

// mutationBooks are the books to change: 10,000 changes in all that the database
// itself lets pass. Most statements of a verification are about blocks, so those
// and what they are summed of are changed in books of their own, and the others
// have none.
var mutationBooks = []mutableBook{
	{pairs: 10, lines: 2, batches: 1, wanted: 2_000, tables: []string{
		"ledger_entry", "ledger_line", "ledger_batch", "ledger_seal", "ledger_block", "ledger_block_sum",
	}},
	{pairs: 5, lines: 1_000, batches: 1_000, wanted: 8_000, tables: []string{
		"ledger_entry", "ledger_line", "ledger_batch", "ledger_seal", "ledger_reversal", "ledger_limit", "ledger_gl",
		"ledger_account", "ledger_rejection", "ledger_pending_line", "ledger_pending", "ledger_control",
		"ledger_period_event", "ledger_record",
	}},
}

// mutableBook says how many pairs of entries to post, how many lines and batches
// make a block, and how many changes to make in which tables.
type mutableBook struct {
	pairs          int
	lines, batches int64
	wanted         int
	tables         []string
}

// mutableTable is a table whose every row and column verify watches over.
// rare are columns of which the database lets hardly any change pass;
// tamperings has them.
type mutableTable struct {
	name    string
	key     string
	rare    []string
	columns []mutableColumn
}

type mutableColumn struct{ name, kind string }

func (m mutableBook) mutableTables() []*mutableTable {
	all := []*mutableTable{
		{name: "ledger_entry", key: "id", rare: []string{"metadata"}},
		{name: "ledger_line", key: "batch_id, batch_pos, line_no"},
		{name: "ledger_batch", key: "id"},
		{name: "ledger_seal", key: "seq"},
		{name: "ledger_reversal", key: "reverses"},
		{name: "ledger_limit", key: "account_id"},
		{name: "ledger_block", key: "owner, until_at"},
		{name: "ledger_block_sum", key: "owner, level, number, effective_date"},
		{name: "ledger_gl", key: "code", rare: []string{"type", "normal_side"}},
		{name: "ledger_account", key: "id", rare: []string{"type", "normal_side", "limit_rule", "metadata"}},
		{name: "ledger_rejection", key: "entry_id"},
		{name: "ledger_pending_line", key: "pending_id, line_no"},
		{name: "ledger_pending", key: "id", rare: []string{"state"}},
		{name: "ledger_control", key: "id"},
		{name: "ledger_period_event", key: "id", rare: []string{"action"}},
		{name: "ledger_record", key: "seq, kind, subject, number"},
	}
	return slices.DeleteFunc(all, func(t *mutableTable) bool { return !slices.Contains(m.tables, t.name) })
}

// open posts batches of several kinds and seal them into small blocks.
// Their statements are not recorded for the linter: what a forger writes is not
// what the platform would.
func (m mutableBook) open(t *testing.T) (*books, ledgerdb.ChainHead) {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{DSN: dbtest.DSN(t, "core")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	b := openBooksOn(t, db)
	original := move("m/0", day(1), b.cash, b.overpaid, "100.00")
	b.mustPost(noon, original)
	for i := 1; i < m.pairs; i++ {
		now := noon.Add(time.Duration(i) * time.Second)
		b.mustPost(now, move(fmt.Sprint("m/", i, "/a"), day(i), b.portfolio, b.cash, "7.00"),
			move(fmt.Sprint("m/", i, "/b"), day(10-i), b.income, b.cash, "7.50"))
	}
	b.mustPost(noon.Add(time.Minute), original.Reverse(ledger.Reversal{Key: "m/back", EffectiveDate: day(5)}))
	b.announceAndReject()
	b.closeAndReopen()
	b.mustPost(noon.Add(time.Hour), move("m/last", day(20), b.cash, b.overpaid, "1.00"))
	for {
		var taken int
		var head ledgerdb.ChainHead
		b.must(func(ctx context.Context, tx database.Tx) error {
			var err error
			taken, head, err = ledgerdb.SealShaped(ctx, tx, m.lines, m.batches, 1)
			return err
		})
		if taken == 0 {
			return b, head
		}
	}
}

// announceAndReject leaves an open pending entry, a posted one, and answers that
// were kept: nothing may be taken out of an account that has nothing.
func (b *books) announceAndReject() {
	b.t.Helper()
	open := ledger.Pending{JournalEntry: move("m/open", day(3), b.cash, b.overpaid, "5.00")}
	open.ExpiresAt = noon.Add(time.Hour)
	posted := ledger.Pending{JournalEntry: move("m/posted", day(3), b.cash, b.income, "6.00")}
	b.must(func(ctx context.Context, tx database.Tx) error {
		_, err := ledgerdb.OpenPending(ctx, tx, noon, open)
		return err
	})
	b.must(func(ctx context.Context, tx database.Tx) error {
		if _, err := ledgerdb.OpenPending(ctx, tx, noon, posted); err != nil {
			return err
		}
		_, err := ledgerdb.PostPending(ctx, tx, noon.Add(time.Minute), posted.ID(), ledgerdb.PendingPost{
			Key: "m/posted/entry", PostedBy: "test",
		})
		return err
	})
	c := b.committer()
	for i := range 3 {
		_, err := c.Post(b.t.Context(), move(fmt.Sprint("m/no/", i), day(3), b.overpaid, b.income, "1000000.00"))
		if !errors.Is(err, ledger.LimitExceeded) {
			b.t.Fatalf("taking what is not there: %v", err)
		}
	}
}

// closeAndReopen closes an account and leaves it so, opens another one again, and
// does the same with periods.
func (b *books) closeAndReopen() {
	b.t.Helper()
	idle, again := b.portfolio, b.portfolio
	idle.Code, again.Code = "idle", "again"
	b.must(func(ctx context.Context, tx database.Tx) error {
		return errors.Join(ledgerdb.OpenAccounts(ctx, tx, noon, idle, again),
			ledgerdb.CloseAccount(ctx, tx, idle.ID()), ledgerdb.CloseAccount(ctx, tx, again.ID()))
	})
	b.must(func(ctx context.Context, tx database.Tx) error { return ledgerdb.ReopenAccount(ctx, tx, again.ID()) })
	b.must(func(ctx context.Context, tx database.Tx) error {
		_, err := ledgerdb.ClosePeriod(ctx, tx, noon, uuid.New(), day(12), "test", "month end")
		return err
	})
	b.must(func(ctx context.Context, tx database.Tx) error {
		_, err := ledgerdb.ReopenPeriod(ctx, tx, noon, uuid.New(), day(10), "test", "a late voucher")
		return err
	})
}

func (m *mutableTable) load(ctx context.Context, tx database.Tx) error {
	rows, err := tx.Query(ctx, `
		select column_name, data_type from information_schema.columns
		 where table_schema = current_schema() and table_name = $1 order by ordinal_position`, m.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var c mutableColumn
		if err := rows.Scan(&c.name, &c.kind); err != nil {
			return err
		}
		m.columns = append(m.columns, c)
	}
	return rows.Err()
}

// row is a row as text, by column; null is nil.
type row map[string]*string

func (m *mutableTable) rows(ctx context.Context, tx database.Tx) ([]row, error) {
	var list []string
	for _, c := range m.columns {
		list = append(list, c.name+"::text")
	}
	stored, err := tx.Query(ctx, "select "+strings.Join(list, ", ")+" from "+m.name+" order by "+m.key)
	if err != nil {
		return nil, err
	}
	defer stored.Close()
	var all []row
	for stored.Next() {
		r, values, targets := row{}, make([]*string, len(m.columns)), make([]any, len(m.columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := stored.Scan(targets...); err != nil {
			return nil, err
		}
		for i, c := range m.columns {
			r[c.name] = values[i]
		}
		all = append(all, r)
	}
	return all, stored.Err()
}

// where names the row by its key, with parameters from $n.
func (m *mutableTable) where(r row, n int) (string, []any) {
	var conditions []string
	var args []any
	for _, name := range strings.Split(m.key, ", ") {
		conditions = append(conditions, fmt.Sprintf("%s = ($%d::text)::%s", name, n+len(args), m.kindOf(name)))
		args = append(args, *r[name])
	}
	return " where " + strings.Join(conditions, " and "), args
}

func (m *mutableTable) kindOf(name string) string {
	for _, c := range m.columns {
		if c.name == name {
			return c.kind
		}
	}
	return ""
}

// set gives a column of a row another value.
func (m *mutableTable) set(ctx context.Context, tx database.Tx, r row, c mutableColumn, value *string) error {
	where, args := m.where(r, 2)
	sql := "update " + m.name + " set " + c.name + " = ($1::text)::" + c.kind + where
	tag, err := tx.Exec(ctx, sql, append([]any{value}, args...)...)
	if err == nil && tag.RowsAffected() != 1 {
		err = fmt.Errorf("%d rows changed", tag.RowsAffected())
	}
	return err
}

var errNoChange = errors.New("nothing to change")

// flip changes a bit or a character of one value.
func flip(random *rand.Rand, kind string, value *string) (string, error) {
	if value == nil {
		return uuid.NewString(), nil
	}
	text := []byte(*value)
	switch kind {
	case "bigint":
		n, err := strconv.ParseInt(*value, 10, 64)
		return strconv.FormatInt(n^1<<random.IntN(40), 10), err
	case "boolean":
		return strconv.FormatBool(*value != "true"), nil
	case "date":
		at, err := time.Parse(time.DateOnly, *value)
		return at.AddDate(0, 0, 1<<random.IntN(8)).Format(time.DateOnly), err
	case "timestamp with time zone":
		at, err := time.Parse("2006-01-02 15:04:05.999999-07", *value)
		return at.Add(time.Duration(1<<random.IntN(40)) * time.Microsecond).Format(time.RFC3339Nano), err
	case "uuid", "bytea":
		const hex = "0123456789abcdef"
		i := random.IntN(len(text))
		if at := strings.IndexByte(hex, text[i]); at >= 0 && (kind == "uuid" || i > 1) {
			text[i] = hex[at^1<<random.IntN(4)]
			return string(text), nil
		}
		return "", errNoChange
	}
	if len(text) == 0 {
		return "x", nil
	}
	text[random.IntN(len(text))] ^= 1 << random.IntN(7)
	if !utf8.Valid(text) || strings.ContainsRune(string(text), 0) {
		return "", errNoChange
	}
	return string(text), nil
}

// mutate makes one change to a row and says which.
func (m *mutableTable) mutate(ctx context.Context, tx database.Tx, random *rand.Rand) (string, error) {
	all, err := m.rows(ctx, tx)
	if err != nil || len(all) == 0 {
		return "", errors.Join(err, errNoChange)
	}
	r, other := all[random.IntN(len(all))], all[random.IntN(len(all))]
	c := m.columns[random.IntN(len(m.columns))]
	switch random.IntN(8) {
	case 0:
		where, args := m.where(r, 1)
		_, err := tx.Exec(ctx, "delete from "+m.name+where, args...)
		return fmt.Sprintf("%s: deleted %v", m.name, args), err
	case 1: // the values of a column change places
		if r[c.name] == nil || other[c.name] == nil || *r[c.name] == *other[c.name] {
			return "", errNoChange
		}
		first, second := m.set(ctx, tx, r, c, other[c.name]), error(nil)
		if first == nil {
			second = m.set(ctx, tx, other, c, r[c.name])
		}
		return fmt.Sprintf("%s: swapped %s %s and %s", m.name, c.name, *r[c.name], *other[c.name]), errors.Join(first, second)
	default:
		if r[c.name] == nil {
			r = other // most changes are to values that are there
		}
		value, err := flip(random, c.kind, r[c.name])
		if err != nil || (r[c.name] != nil && value == *r[c.name]) {
			return "", errors.Join(err, errNoChange)
		}
		_, key := m.where(r, 1)
		return fmt.Sprintf("%s %v: %s became %s", m.name, key, c.name, value), m.set(ctx, tx, r, c, &value)
	}
}

// TestVerifyNamesWhateverIsChanged changes a value by a bit or a character,
// deletes a row or swaps values between rows, of every table and column of the
// books, and holds that verify names what is at fault.
func TestVerifyNamesWhateverIsChanged(t *testing.T) {
	t.Parallel()
	for book, m := range mutationBooks {
		t.Run(fmt.Sprint("books ", book), func(t *testing.T) {
			t.Parallel()
			b, head := m.open(t)
			seed := rand.Uint64()
			random := rand.New(rand.NewPCG(seed, 0))
			tables := m.mutableTables()
			b.must(func(ctx context.Context, tx database.Tx) error {
				for _, m := range tables {
					if err := m.load(ctx, tx); err != nil {
						return err
					}
				}
				return nil
			})
			made := map[string]int{}
			for done := 0; done < m.wanted; {
				n, err := b.mutateRound(random, tables, head, made)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				done += n
			}
			for _, m := range tables {
				for _, c := range m.columns {
					if made[m.name+"."+c.name] == 0 && !slices.Contains(m.rare, c.name) {
						t.Errorf("%s.%s was never changed", m.name, c.name)
					}
				}
			}
			if _, err := ledgerdb.Verify(t.Context(), b.db, &head); err != nil {
				t.Errorf("after all was undone: %v", err)
			}
		})
	}
}

// mutateRound makes some changes in one transaction, each undone before the
// next, and returns how many the database let pass.
func (b *books) mutateRound(
	random *rand.Rand, tables []*mutableTable, head ledgerdb.ChainHead, made map[string]int,
) (int, error) {
	undo := errors.New("undo")
	done := 0
	err := b.in(func(ctx context.Context, tx database.Tx) error {
		for range mutationRound {
			m := tables[random.IntN(len(tables))]
			if _, err := tx.Exec(ctx, "savepoint before"); err != nil {
				return err
			}
			what, err := m.mutate(ctx, tx, random)
			if err == nil {
				done++
				for _, c := range m.columns {
					if strings.Contains(what, ": "+c.name+" became") {
						made[m.name+"."+c.name]++
					}
				}
				_, verdict := ledgerdb.VerifyTx(ctx, tx, &head)
				var tampered *ledgerdb.Tampered
				if !errors.As(verdict, &tampered) {
					return fmt.Errorf("not found (%w): %s", verdict, what)
				}
				if tampered.Entry == uuid.Nil && tampered.Batch == uuid.Nil && tampered.Seq == 0 {
					return fmt.Errorf("named nothing (%w): %s", verdict, what)
				}
			} else if database.SQLState(err) == "" && !errors.Is(err, errNoChange) {
				return fmt.Errorf("%s: %w", what, err)
			}
			if _, err := tx.Exec(ctx, "rollback to savepoint before"); err != nil {
				return err
			}
		}
		return undo
	})
	if !errors.Is(err, undo) {
		return 0, err
	}
	return done, nil
}
