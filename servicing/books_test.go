package servicing_test

import (
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// tester is what a test and a rapid check have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// books replays a loan beside a ledger that knows nothing of loans.
type books struct {
	t        tester
	loan     servicing.Loan
	facts    []servicing.Fact
	accounts map[uuid.UUID]ledger.Account
	balances map[uuid.UUID]int64 // debits less credits
	keys     map[string]ledger.JournalEntry
	cashIn   int64
}

var (
	loanID         = uuid.MustParse("0b0b5f0e-6d55-4b3e-9f0c-0c6f4f6b1d01")
	applicationID  = uuid.MustParse("0b0b5f0e-6d55-4b3e-9f0c-0c6f4f6b1d02")
	customerID     = uuid.MustParse("0b0b5f0e-6d55-4b3e-9f0c-0c6f4f6b1d03")
	bookID         = uuid.MustParse("0b0b5f0e-6d55-4b3e-9f0c-0c6f4f6b1d04")
	disbursementID = uuid.MustParse("0b0b5f0e-6d55-4b3e-9f0c-0c6f4f6b1d05")
)

func activation(t tester, terms amortization.Terms) servicing.Activation {
	t.Helper()
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatalf("terms: %v", err)
	}
	return servicing.Activation{
		LoanID: loanID, ApplicationID: applicationID, CustomerID: customerID, BookID: bookID,
		DisbursementID: disbursementID, Terms: terms, ScheduleHash: schedule.Hash(), On: terms.DisbursementDate,
	}
}

func emptyBooks(t tester) *books {
	return &books{
		t: t, accounts: map[uuid.UUID]ledger.Account{}, balances: map[uuid.UUID]int64{},
		keys: map[string]ledger.JournalEntry{},
	}
}

func activate(t tester, terms amortization.Terms) *books {
	t.Helper()
	b := emptyBooks(t)
	change, err := servicing.Activate(activation(t, terms))
	b.take(change, err)
	return b
}

// disbursed returns the books of a loan that is paid out on the day of its terms.
func disbursed(t tester, terms amortization.Terms) *books {
	t.Helper()
	b := activate(t, terms)
	b.take(b.loan.CompleteDisbursement(disbursementID, "bank-1", terms.DisbursementDate))
	return b
}

// take posts a change and checks the books against the loan.
func (b *books) take(change servicing.Change, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("command: %v", err)
	}
	if change.Before != b.loan.Version || change.Loan.Version != b.loan.Version+int64(len(change.Facts)) {
		b.t.Fatalf("change from version %d to %d with %d facts on version %d", change.Before, change.Loan.Version,
			len(change.Facts), b.loan.Version)
	}
	if on := change.Loan.AttentionOn(); change.Attention != on {
		b.t.Fatalf("attention on %s, by the change on %s", on, change.Attention)
	}
	b.loan = change.Loan
	b.facts = append(b.facts, change.Facts...)
	for _, row := range ledger.Chart() {
		if a := ledger.ControlAccount(row.Role, change.Loan.Currency()); !posting.OwnedByLoan(row.Role) {
			b.accounts[a.ID()] = a
		}
	}
	for _, a := range change.Opens {
		if _, again := b.accounts[a.ID()]; again {
			b.t.Fatalf("account %s is opened twice", a.Code)
		}
		b.accounts[a.ID()] = a
	}
	for _, entry := range change.Entries {
		b.post(entry)
	}
	b.check()
}

func (b *books) post(entry ledger.JournalEntry) {
	b.t.Helper()
	if err := entry.Validate(); err != nil {
		b.t.Fatalf("entry %+v: %v", entry, err)
	}
	lookup := func(id uuid.UUID) (ledger.Account, bool) { a, ok := b.accounts[id]; return a, ok }
	if err := entry.Check(lookup); err != nil {
		b.t.Fatalf("entry %+v: %v", entry, err)
	}
	if _, twice := b.keys[entry.Key]; twice {
		b.t.Fatalf("key %s is posted twice", entry.Key)
	}
	b.keys[entry.Key] = entry
	if entry.Reverses != uuid.Nil {
		original := b.find(entry.Reverses)
		if err := entry.CheckMirror(original.Lines); err != nil {
			b.t.Fatalf("reversal: %v", err)
		}
	}
	for _, line := range entry.Lines {
		sign := int64(1)
		if line.Side == ledger.Credit {
			sign = -1
		}
		b.balances[line.AccountID] += sign * line.Amount.Minor()
	}
}

func (b *books) find(id uuid.UUID) ledger.JournalEntry {
	b.t.Helper()
	for _, entry := range b.keys {
		if entry.ID() == id {
			return entry
		}
	}
	b.t.Fatalf("entry %s is reversed and was never posted", id)
	return ledger.JournalEntry{}
}

// own returns the balance of the loan's account for the role, on its normal side.
func (b *books) own(role ledger.Role) int64 {
	account := ledger.LoanAccount(role, b.loan.ID, b.loan.Currency())
	if account.NormalSide == ledger.Credit {
		return -b.balances[account.ID()]
	}
	return b.balances[account.ID()]
}

func (b *books) control(role ledger.Role) int64 {
	account := ledger.ControlAccount(role, b.loan.Currency())
	if account.NormalSide == ledger.Credit {
		return -b.balances[account.ID()]
	}
	return b.balances[account.ID()]
}

// check compares the ledger with the loan, component by component.
func (b *books) check() {
	b.t.Helper()
	total := int64(0)
	for _, balance := range b.balances {
		total += balance
	}
	if total != 0 {
		b.t.Fatalf("trial balance is off by %d", total)
	}
	receivable := b.loan.Receivable()
	for role, want := range map[ledger.Role]int64{
		ledger.LoanPortfolio: receivable.Principal.Minor(), ledger.InterestReceivable: receivable.Interest.Minor(),
		ledger.FeesReceivable: receivable.Fees.Minor(), ledger.PenaltiesReceivable: receivable.Penalties.Minor(),
		ledger.Overpayment: b.loan.Overpaid.Minor(),
	} {
		if got := b.own(role); got != want {
			b.t.Fatalf("ledger has %s of %d, the loan %d", role, got, want)
		}
	}
}

func (b *books) pay(kind servicing.PaymentKind, minor int64, on, business civil.Date) servicing.Change {
	b.t.Helper()
	change, err := b.loan.Pay(servicing.Payment{
		ID: uuid.NewSHA1(loanID, []byte{byte(b.loan.Version)}), Kind: kind, Amount: money.New(minor, b.loan.Currency()),
		ValueDate: on,
	}, business, b.facts...)
	b.take(change, err)
	b.cashIn += minor
	return change
}

func date(t tester, text string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(text)
	if err != nil {
		t.Fatalf("date: %v", err)
	}
	return d
}

// rbiTerms is the illustration of the key facts statement of the Reserve Bank
// of India: 20,000 over 24 months at 15 %, charges of 400, 160 of them for others.
func rbiTerms(t tester) amortization.Terms {
	t.Helper()
	inr := money.MustCurrency("INR")
	return amortization.Terms{
		Principal: money.New(2_000_000, inr), AnnualRatePercent: amortization.MustDecimal("15"), Instalments: 24,
		DisbursementDate: date(t, "2026-01-15"),
		Fees: []amortization.Fee{
			{Name: "processing", Amount: money.New(24_000, inr)},
			{Name: "insurance", Amount: money.New(16_000, inr), Payee: amortization.ThirdParty},
		},
	}
}

var _ tester = (*testing.T)(nil)
