package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgertest"
)

func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("finding scripts: %v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ledgertest.Run(t, string(script), ledgertest.NewModel())
		})
	}
}

var eur = money.MustCurrency("EUR")

func valid() ledger.JournalEntry {
	return ledger.JournalEntry{
		Key: "payment/1", Kind: "REPAYMENT", EffectiveDate: civil.Date{Year: 2026, Month: time.March, Day: 1},
		Reference: "loan-1", Description: "Instalment 3", PostedBy: "repayment",
		Metadata: map[string]string{"channel": "bank"},
		Lines: []ledger.Line{
			{AccountID: ledger.AccountID("cash"), Side: ledger.Debit, Amount: money.New(1000, eur)},
			{AccountID: ledger.AccountID("loan"), Side: ledger.Credit, Amount: money.New(900, eur)},
			{AccountID: ledger.AccountID("interest"), Side: ledger.Credit, Amount: money.New(100, eur)},
		},
	}
}

func TestValidateNamesTheField(t *testing.T) {
	t.Parallel()
	if err := valid().Validate(); err != nil {
		t.Fatalf("a good entry: %v", err)
	}
	pairs := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[strings.Repeat("k", i+1)] = "v"
		}
		return m
	}
	cases := []struct {
		name string
		edit func(*ledger.JournalEntry)
		want string
	}{
		{"no key", func(e *ledger.JournalEntry) { e.Key = "" }, "FIELD_INVALID key"},
		{"long key", func(e *ledger.JournalEntry) { e.Key = strings.Repeat("k", 321) }, "FIELD_INVALID key"},
		{"NUL in key", func(e *ledger.JournalEntry) { e.Key = "a\x00" }, "FIELD_INVALID key"},
		{"kind in small letters", func(e *ledger.JournalEntry) { e.Kind = "repayment" }, "FIELD_INVALID kind"},
		{"kind with digit first", func(e *ledger.JournalEntry) { e.Kind = "1X" }, "FIELD_INVALID kind"},
		{"no kind", func(e *ledger.JournalEntry) { e.Kind = "" }, "FIELD_INVALID kind"},
		{"no date", func(e *ledger.JournalEntry) { e.EffectiveDate = civil.Date{} }, "FIELD_INVALID effective_date"},
		{
			"30 February", func(e *ledger.JournalEntry) { e.EffectiveDate.Month, e.EffectiveDate.Day = 2, 30 },
			"FIELD_INVALID effective_date",
		},
		{"invalid UTF-8", func(e *ledger.JournalEntry) { e.Description = "\xff" }, "FIELD_INVALID description"},
		{
			"long reference", func(e *ledger.JournalEntry) { e.Reference = strings.Repeat("x", 101) },
			"FIELD_INVALID reference",
		},
		{"line break in posted_by", func(e *ledger.JournalEntry) { e.PostedBy = "a\nb" }, "FIELD_INVALID posted_by"},
		{"21 pairs", func(e *ledger.JournalEntry) { e.Metadata = pairs(21) }, "FIELD_INVALID metadata"},
		{
			"metadata key", func(e *ledger.JournalEntry) { e.Metadata = map[string]string{"a b": "v"} },
			"FIELD_INVALID metadata",
		},
		{
			"metadata value", func(e *ledger.JournalEntry) { e.Metadata = map[string]string{"a": "\x01"} },
			"FIELD_INVALID metadata.a",
		},
		{
			"10,001 lines", func(e *ledger.JournalEntry) { e.Lines = slices.Repeat(e.Lines[:1], 10_001) },
			"ENTRY_TOO_LONG lines",
		},
		{
			"no account", func(e *ledger.JournalEntry) { e.Lines[1].AccountID = uuid.Nil },
			"ACCOUNT_UNKNOWN lines[1].account",
		},
		{
			"no currency", func(e *ledger.JournalEntry) { e.Lines[2].Amount = money.Amount{} },
			"CURRENCY_MISMATCH lines[2].amount",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := valid()
			c.edit(&e)
			err := e.Validate()
			rejection, ok := ledger.AsRejection(err)
			if !ok {
				t.Fatalf("got %v, want a rejection", err)
			}
			if got := string(rejection.Code) + " " + rejection.FieldName(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if !errors.Is(err, ledger.ErrRejected) || !errors.Is(err, rejection.Code) {
				t.Error("errors.Is knows neither the class nor the code")
			}
		})
	}
}

func TestLargestLinesDoNotOverflow(t *testing.T) {
	t.Parallel()
	e := valid()
	e.Lines = nil
	for range ledger.LinesMax / 2 {
		e.Lines = append(e.Lines,
			ledger.Line{AccountID: ledger.AccountID("a"), Side: ledger.Debit, Amount: money.New(ledger.LineAmountMax, eur)},
			ledger.Line{AccountID: ledger.AccountID("b"), Side: ledger.Credit, Amount: money.New(ledger.LineAmountMax, eur)})
	}
	if err := e.Validate(); err != nil {
		t.Errorf("%d of the largest lines on each side: %v", ledger.LinesMax/2, err)
	}
	for i := range e.Lines {
		e.Lines[i].Side = ledger.Debit
	}
	rejection, ok := ledger.AsRejection(e.Validate())
	const first = 9223 // 9,223 times 10^15 fits into int64, once more does not
	if !ok || rejection.Code != ledger.SumOverflow || rejection.Line != first {
		t.Errorf("10,000 of the largest debits: %v, want SUM_OVERFLOW at line %d", rejection, first)
	}
}

// drawEntry makes any balanced entry over a few accounts in two currencies.
func drawEntry(t *rapid.T, key string) ledger.JournalEntry {
	e := ledger.JournalEntry{
		Key: key, Kind: "TEST", Description: rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "description"),
		EffectiveDate: civil.Date{Year: 2026, Month: time.January, Day: 1}.AddDays(rapid.IntRange(0, 99).Draw(t, "day")),
		Metadata: rapid.MapOfN(rapid.StringMatching(`[a-z]{1,5}`), rapid.StringMatching(`[ -~]{0,9}`), 0, 3).
			Draw(t, "metadata"),
	}
	for range rapid.IntRange(1, 4).Draw(t, "pairs") {
		currency := money.MustCurrency(rapid.SampledFrom([]string{"EUR", "JPY"}).Draw(t, "currency"))
		account := rapid.SampledFrom([]string{"a", "b", "c"})
		amount := money.New(rapid.Int64Range(1, ledger.LineAmountMax).Draw(t, "amount"), currency)
		e.Lines = append(e.Lines,
			ledger.Line{
				AccountID: ledger.AccountID(account.Draw(t, "debit") + currency.Code()), Side: ledger.Debit, Amount: amount,
			},
			ledger.Line{
				AccountID: ledger.AccountID(account.Draw(t, "credit") + currency.Code()), Side: ledger.Credit, Amount: amount,
			})
	}
	return e
}

func TestReverseIsAnExactMirror(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t, "entry")
		if err := e.Validate(); err != nil {
			t.Fatalf("a balanced entry: %v", err)
		}
		mirror := e.Reverse(ledger.Reversal{Key: "mirror", EffectiveDate: e.EffectiveDate})
		if err := mirror.Validate(); err != nil {
			t.Fatalf("its mirror: %v", err)
		}
		if err := mirror.CheckMirror(e.Lines); err != nil {
			t.Fatalf("the mirror is none: %v", err)
		}
		if mirror.Reverses != e.ID() {
			t.Fatal("the mirror does not say what it reverses")
		}
		net := map[uuid.UUID]int64{}
		for _, line := range slices.Concat(e.Lines, mirror.Lines) {
			if line.Side == ledger.Debit {
				net[line.AccountID] += line.Amount.Minor()
			} else {
				net[line.AccountID] -= line.Amount.Minor()
			}
		}
		for id, sum := range net {
			if sum != 0 {
				t.Fatalf("account %s keeps %d", id, sum)
			}
		}
		back := mirror.Reverse(ledger.Reversal{Key: e.Key, EffectiveDate: e.EffectiveDate, Description: e.Description})
		if diff := cmp.Diff(e.Lines, back.Lines); diff != "" {
			t.Fatalf("twice reversed (-want +got):\n%s", diff)
		}
	})
}

func TestCheckMirrorFindsEveryDifference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t, "entry")
		mirror := e.Reverse(ledger.Reversal{Key: "mirror", EffectiveDate: e.EffectiveDate})
		i := rapid.IntRange(0, len(e.Lines)-1).Draw(t, "line")
		line := &mirror.Lines[i]
		switch rapid.IntRange(0, 3).Draw(t, "change") {
		case 0:
			line.Side = line.Side.Opposite()
		case 1:
			line.Amount = money.New(line.Amount.Minor()+1, line.Amount.Currency())
		case 2:
			line.AccountID = ledger.AccountID("another")
		case 3:
			mirror.Lines = slices.Delete(mirror.Lines, i, i+1)
		}
		if err := mirror.CheckMirror(e.Lines); !errors.Is(err, ledger.NotAMirror) {
			t.Fatalf("got %v, want NOT_A_MIRROR", err)
		}
	})
}

func TestHashTellsEveryFieldApart(t *testing.T) {
	t.Parallel()
	edits := map[string]func(*ledger.JournalEntry){
		"key":            func(e *ledger.JournalEntry) { e.Key += "x" },
		"kind":           func(e *ledger.JournalEntry) { e.Kind += "X" },
		"effective date": func(e *ledger.JournalEntry) { e.EffectiveDate.Day++ },
		"booking date":   func(e *ledger.JournalEntry) { e.BookingDate = e.EffectiveDate.AddDays(1) },
		"reference":      func(e *ledger.JournalEntry) { e.Reference += "x" },
		"description":    func(e *ledger.JournalEntry) { e.Description += "x" },
		"posted by":      func(e *ledger.JournalEntry) { e.PostedBy += "x" },
		"shift":          func(e *ledger.JournalEntry) { e.Reference, e.Description = e.Reference+"I", e.Description[1:] },
		"metadata key":   func(e *ledger.JournalEntry) { e.Metadata = map[string]string{"channe": "lbank"} },
		"metadata value": func(e *ledger.JournalEntry) { e.Metadata = map[string]string{"channel": "cash"} },
		"no metadata":    func(e *ledger.JournalEntry) { e.Metadata = nil },
		"reverses":       func(e *ledger.JournalEntry) { e.Reverses = e.ID() },
		"account":        func(e *ledger.JournalEntry) { e.Lines[2].AccountID = ledger.AccountID("x") },
		"side":           func(e *ledger.JournalEntry) { e.Lines[0].Side = ledger.Credit },
		"amount":         func(e *ledger.JournalEntry) { e.Lines[1].Amount = money.New(901, eur) },
		"currency": func(e *ledger.JournalEntry) {
			e.Lines[1].Amount = money.New(900, money.MustCurrency("USD"))
		},
		"order": func(e *ledger.JournalEntry) { e.Lines[1], e.Lines[2] = e.Lines[2], e.Lines[1] },
		"fewer": func(e *ledger.JournalEntry) { e.Lines = e.Lines[:2] },
	}
	seen := map[[32]byte]string{valid().Hash(): "the original"}
	for name, edit := range edits {
		e := valid()
		edit(&e)
		if other, ok := seen[e.Hash()]; ok {
			t.Errorf("%s hashes like %s", name, other)
		}
		seen[e.Hash()] = name
	}
	e := valid()
	e.BookingDate = e.EffectiveDate
	if e.Hash() != valid().Hash() {
		t.Error("a booking date that is said hashes unlike the same one left out")
	}
}

// TestHashIsStable guards stored hashes: a changed layout needs a new version.
func TestHashIsStable(t *testing.T) {
	t.Parallel()
	const want = "1bd4d43f76a22900235fea1d9d6c26f4b899c990e3e1c65dbbd776c39c87243e"
	if got := hex(valid().Hash()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func hex(sum [32]byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range sum {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

func TestChartIsWhole(t *testing.T) {
	t.Parallel()
	codes := map[string]ledger.Role{}
	for _, row := range ledger.Chart() {
		if err := row.GL.Validate(); err != nil {
			t.Errorf("%s: %v", row.Role, err)
		}
		if other, ok := codes[row.GL.Code]; ok {
			t.Errorf("%s and %s share code %s", row.Role, other, row.GL.Code)
		}
		codes[row.GL.Code] = row.Role
		if !row.Role.Valid() || row.Role.GL() != row.GL {
			t.Errorf("%s is not found by its role", row.Role)
		}
		account := ledger.ControlAccount(row.Role, eur)
		if err := account.Validate(); err != nil {
			t.Errorf("control account of %s: %v", row.Role, err)
		}
		own := ledger.LoanAccount(row.Role, uuid.MustParse("5a1f8a2e-5c3e-4a8e-9b1c-0d2f4a6b8c0e"), eur)
		if err := own.Validate(); err != nil {
			t.Errorf("loan account of %s: %v", row.Role, err)
		}
		if own.GLCode != account.GLCode || own.ID() == account.ID() {
			t.Errorf("loan account of %s does not roll up to its control account", row.Role)
		}
	}
	if ledger.Role("NONE").Valid() {
		t.Error("a role that is not of the chart is valid")
	}
}

func TestBalanceStandsOnItsNormalSide(t *testing.T) {
	t.Parallel()
	id := ledger.AccountID("a")
	for side, want := range map[ledger.Side]string{ledger.Debit: "-1.00", ledger.Credit: "1.00"} {
		b, err := ledger.NewBalance(id, side, eur, 100, 200)
		if err != nil || b.Net.Text() != want {
			t.Errorf("%s: %v %v, want %s", side, b.Net, err, want)
		}
	}
}
