package ledgertest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// Books is a ledger that scripts can drive.
type Books interface {
	OpenGL(gl ledger.GLAccount) error
	OpenAccount(account ledger.Account) error
	Post(now time.Time, entry ledger.JournalEntry) (replayed bool, err error)
	Balance(account uuid.UUID, effective civil.Date, known time.Time) (ledger.Balance, error)
	SetClosed(account uuid.UUID, closed bool) error
	ClosePeriod(now time.Time, through civil.Date) error
	OpenPending(now time.Time, p ledger.Pending) (replayed bool, err error)
	PostPending(now time.Time, pending, key string, lines []ledger.Line) (replayed bool, err error)
	VoidPending(now time.Time, pending string) error
	ExpirePending(now time.Time) error
	Available(now time.Time, account uuid.UUID) (ledger.Amount, error)
}

// Run executes a script. Each of its lines is a command, "=>" and the answer
// that it must get; a # begins a comment:
//
//	account cash ASSET                  [limit] [currency]
//	post e1 2026-03-01 D cash 10.00 C wallet 10.00 => ok
//	post e2 2026-03-01/2026-04-01 …     effective and booking date
//	reverse r1 e1 2026-03-02            => ok
//	close wallet                        => ACCOUNT_NOT_EMPTY balance
//	reopen wallet                       => ok
//	lock 2026-02-28                     => ok
//	balance cash                        => 10.00
//	balance cash 2026-03-01             => at the end of that day
//	balance cash 2026-03-01 e1          => as known when e1 was recorded
//
//	pend p1 2026-03-01 10m D cash 10.00 C wallet 10.00      expires 10m after the hour, or never
//	settle e3 p1 [D cash 4.00 C wallet 4.00]                posts it, or a part
//	void p1
//	wait 10m
//	expire                              ends what is over
//	available wallet                    => 10.00
//
// The answer of a rejected command is its code and the field at fault. Every
// command happens a minute after the one before.
func Run(t *testing.T, script string, books Books) {
	t.Helper()
	r := &runner{
		books: books, now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), accounts: map[string]ledger.Account{},
		entries: map[string]ledger.JournalEntry{}, recorded: map[string]time.Time{},
	}
	for i, text := range strings.Split(script, "\n") {
		text, _, _ = strings.Cut(text, "#")
		command, want, _ := strings.Cut(text, "=>")
		fields := strings.Fields(command)
		if len(fields) == 0 {
			continue
		}
		r.now = r.now.Add(time.Minute)
		got, err := r.step(fields)
		if err != nil {
			t.Fatalf("line %d: %s: %v", i+1, strings.TrimSpace(command), err)
		}
		if want = strings.TrimSpace(want); want == "" {
			want = "ok"
		}
		if got != want {
			t.Errorf("line %d: %s\n got %s\nwant %s", i+1, strings.TrimSpace(command), got, want)
		}
	}
}

type runner struct {
	books    Books
	now      time.Time
	accounts map[string]ledger.Account
	entries  map[string]ledger.JournalEntry
	recorded map[string]time.Time
}

var errSyntax = errors.New("not a command of the script language")

func (r *runner) step(fields []string) (string, error) {
	verb, args := fields[0], fields[1:]
	switch {
	case verb == "account" && len(args) >= 2:
		return r.account(args)
	case verb == "post" && len(args) >= 2:
		return r.post(args)
	case verb == "reverse" && len(args) == 3:
		date, err := civil.ParseDate(args[2])
		if err != nil {
			return "", err
		}
		original, ok := r.entries[args[1]]
		if !ok {
			original = ledger.JournalEntry{Key: args[1]}
		}
		return r.send(original.Reverse(ledger.Reversal{Key: args[0], EffectiveDate: date})), nil
	case verb == "close" && len(args) == 1:
		return answer(r.books.SetClosed(r.accounts[args[0]].ID(), true)), nil
	case verb == "reopen" && len(args) == 1:
		return answer(r.books.SetClosed(r.accounts[args[0]].ID(), false)), nil
	case verb == "lock" && len(args) == 1:
		date, err := civil.ParseDate(args[0])
		if err != nil {
			return "", err
		}
		return answer(r.books.ClosePeriod(r.now, date)), nil
	case verb == "balance" && len(args) >= 1:
		return r.balance(args)
	}
	return r.pendingStep(verb, args)
}

func (r *runner) pendingStep(verb string, args []string) (string, error) {
	switch {
	case verb == "pend" && len(args) >= 3:
		return r.pend(args)
	case verb == "settle" && len(args) >= 2:
		lines, err := r.lines(args[2:])
		if err != nil {
			return "", err
		}
		replayed, err := r.books.PostPending(r.now, args[1], args[0], lines)
		return verdict(replayed, err), nil
	case verb == "void" && len(args) == 1:
		return answer(r.books.VoidPending(r.now, args[0])), nil
	case verb == "wait" && len(args) == 1:
		pause, err := time.ParseDuration(args[0])
		r.now = r.now.Add(pause)
		return "ok", err
	case verb == "expire" && len(args) == 0:
		return answer(r.books.ExpirePending(r.now)), nil
	case verb == "available" && len(args) == 1:
		left, err := r.books.Available(r.now, r.accounts[args[0]].ID())
		return left.Text(), err
	}
	return "", errSyntax
}

func (r *runner) pend(args []string) (string, error) {
	p := ledger.Pending{JournalEntry: ledger.JournalEntry{Key: args[0], Kind: "TEST"}}
	var err error
	if p.EffectiveDate, err = civil.ParseDate(args[1]); err != nil {
		return "", err
	}
	if args[2] != "never" {
		pause, err := time.ParseDuration(args[2])
		if err != nil {
			return "", err
		}
		p.ExpiresAt = r.now.Truncate(time.Hour).Add(pause) // the same for a repeated command
	}
	if p.Lines, err = r.lines(args[3:]); err != nil {
		return "", err
	}
	replayed, err := r.books.OpenPending(r.now, p)
	return verdict(replayed, err), nil
}

func (r *runner) lines(args []string) ([]ledger.Line, error) {
	var lines []ledger.Line
	for ; len(args) > 0; args = args[3:] {
		if len(args) < 3 {
			return nil, errSyntax
		}
		line, err := r.line(args[0], args[1], args[2])
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func verdict(replayed bool, err error) string {
	if replayed {
		return "replayed"
	}
	return answer(err)
}

// account opens an account named by its code under a heading of its type.
func (r *runner) account(args []string) (string, error) {
	kind := ledger.AccountType(args[1])
	a := ledger.Account{
		Code: args[0], Name: args[0], GLCode: "gl-" + args[1], Type: kind, NormalSide: kind.NormalSide(),
		Currency: money.MustCurrency("EUR"), Limit: ledger.NoLimit,
	}
	for _, arg := range args[2:] {
		if currency, err := money.ParseCurrency(arg); err == nil {
			a.Currency = currency
			continue
		}
		a.Limit = ledger.Limit(arg)
	}
	err := r.books.OpenGL(ledger.GLAccount{Code: a.GLCode, Name: args[1], Type: kind, NormalSide: a.NormalSide})
	if err != nil {
		return answer(err), nil
	}
	err = r.books.OpenAccount(a)
	if err == nil {
		r.accounts[a.Code] = a
	}
	return answer(err), nil
}

func (r *runner) post(args []string) (string, error) {
	e := ledger.JournalEntry{Key: args[0], Kind: "TEST"}
	effective, booking, both := strings.Cut(args[1], "/")
	var err error
	if e.EffectiveDate, err = civil.ParseDate(effective); err != nil {
		return "", err
	}
	if both {
		if e.BookingDate, err = civil.ParseDate(booking); err != nil {
			return "", err
		}
	}
	if e.Lines, err = r.lines(args[2:]); err != nil {
		return "", err
	}
	if _, ok := r.entries[e.Key]; !ok {
		r.entries[e.Key] = e
	}
	return r.send(e), nil
}

func (r *runner) line(side, code, text string) (ledger.Line, error) {
	line := ledger.Line{AccountID: ledger.AccountID(code), Side: ledger.Side(side)}
	switch side {
	case "D":
		line.Side = ledger.Debit
	case "C":
		line.Side = ledger.Credit
	}
	currency := r.accounts[code].Currency
	if currency.IsZero() {
		currency = money.MustCurrency("EUR")
	}
	if digits, name, foreign := strings.Cut(text, ":"); foreign {
		text, currency = digits, money.MustCurrency(name)
	}
	var err error
	line.Amount, err = money.Parse(text, currency)
	return line, err
}

func (r *runner) send(e ledger.JournalEntry) string {
	replayed, err := r.books.Post(r.now, e)
	if err == nil && !replayed {
		r.recorded[e.Key] = r.now
	}
	return verdict(replayed, err)
}

func (r *runner) balance(args []string) (string, error) {
	effective, known := civil.Date{Year: 9999, Month: 12, Day: 31}, maxTime
	var err error
	if len(args) > 1 {
		if effective, err = civil.ParseDate(args[1]); err != nil {
			return "", err
		}
	}
	if len(args) > 2 {
		known = r.recorded[args[2]]
	}
	b, err := r.books.Balance(r.accounts[args[0]].ID(), effective, known)
	if err != nil {
		return "", fmt.Errorf("reading the balance: %w", err)
	}
	return b.Net.Text(), nil
}

func answer(err error) string {
	if err == nil {
		return "ok"
	}
	if errors.Is(err, ledger.ErrKeyReused) {
		return "KEY_REUSED"
	}
	if rejection, ok := ledger.AsRejection(err); ok {
		return string(rejection.Code) + " " + rejection.FieldName()
	}
	return err.Error()
}
