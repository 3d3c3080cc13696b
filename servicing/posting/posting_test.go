package posting_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing/posting"
)

func inr(minor int64) money.Amount { return money.New(minor, money.MustCurrency("INR")) }

// Each role of the books is moved by some transaction, or is known not to be,
// and every row of the table is a rule that could stand in its own place.
func TestTheTableNamesTheRolesOfTheBooks(t *testing.T) {
	t.Parallel()
	named := map[ledger.Role]bool{}
	for _, row := range posting.Table() {
		if err := row.Validate(); err != nil {
			t.Errorf("%+v: %v", row, err)
		}
		named[row.Debit], named[row.Credit] = true, true
	}
	outside := map[ledger.Role]bool{ledger.Capital: true} // what owners pay in is no matter of loans
	for _, row := range ledger.Chart() {
		if named[row.Role] == outside[row.Role] {
			t.Errorf("%s is moved: %t", row.Role, named[row.Role])
		}
	}
}

// Whatever the figures are, negative ones included, debits equal credits, no
// line is empty and no role comes twice; a mirror undoes them.
func TestLinesBalance(t *testing.T) {
	t.Parallel()
	table := posting.Table()
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.SampledFrom(table).Draw(t, "row")
		var figures posting.Figures
		for i := range figures {
			figures[i] = rapid.Int64Range(-1_000, 1_000).Draw(t, "figure")
		}
		lines := posting.Lines(row.Transaction, &figures, nil, inr(0).Currency())
		sum, roles := int64(0), map[ledger.Role]bool{}
		for i, line := range lines {
			if line.Debit.IsZero() || roles[line.Role] {
				t.Fatalf("lines %+v", lines)
			}
			roles[line.Role] = true
			sum += line.Debit.Minor()
			if mirror := posting.Mirror(lines)[i]; mirror.Role != line.Role || mirror.Debit.Minor() != -line.Debit.Minor() {
				t.Fatalf("mirror %+v of %+v", mirror, line)
			}
		}
		if sum != 0 {
			t.Fatalf("%s %v is off by %d: %+v", row.Transaction, figures, sum, lines)
		}
	})
}

func TestARuleComesBeforeTheTable(t *testing.T) {
	t.Parallel()
	figures := posting.Figures{posting.Principal: 500, posting.Interest: 30, posting.Overpaid: 7}
	rules := []posting.Rule{{
		Transaction: posting.Repayment, Of: posting.Principal, Debit: ledger.TransfersSuspense,
		Credit: ledger.LoanPortfolio,
	}}
	got := posting.Lines(posting.Repayment, &figures, rules, inr(0).Currency())
	want := []posting.Line{
		{Role: ledger.TransfersSuspense, Debit: inr(500)},
		{Role: ledger.LoanPortfolio, Debit: inr(-500)},
		{Role: ledger.FundSource, Debit: inr(37)},
		{Role: ledger.InterestReceivable, Debit: inr(-30)},
		{Role: ledger.Overpayment, Debit: inr(-7)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, bad := range map[string]posting.Rule{
		"no transaction": {Transaction: "GIFT", Of: posting.Principal, Debit: ledger.FundSource, Credit: ledger.Capital},
		"no figure":      {Transaction: posting.Payout, Of: posting.Fees, Debit: ledger.FundSource, Credit: ledger.Capital},
		"no role":        {Transaction: posting.Payout, Of: posting.Net, Debit: "GIFTS", Credit: ledger.FundSource},
		"one role":       {Transaction: posting.Payout, Of: posting.Net, Debit: ledger.Capital, Credit: ledger.Capital},
		"of the loan": {
			Transaction: posting.Payout, Of: posting.Net, Debit: ledger.LoanPortfolio, Credit: ledger.FundSource,
		},
	} {
		if err := bad.Validate(); !errors.Is(err, posting.ErrRule) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFiguresHaveNames(t *testing.T) {
	t.Parallel()
	for f := range posting.FigureCount {
		text, err := f.MarshalText()
		var again posting.Figure
		if err != nil || again.UnmarshalText(text) != nil || again != f {
			t.Errorf("figure %d is named %s: %v", f, text, err)
		}
	}
	var f posting.Figure
	if err := f.UnmarshalText([]byte("gift")); err == nil || posting.FigureCount.String() != "unknown" {
		t.Errorf("a figure that is none: %v", err)
	}
}

func TestASetHasEachRoleOfTheLoanOnce(t *testing.T) {
	t.Parallel()
	var set posting.RoleSet
	for _, role := range posting.LoanRoles {
		if !set.Add(role) || set.Add(role) {
			t.Errorf("%s is not new once", role)
		}
	}
	if set != posting.AllLoanRoles || set.Add(ledger.FundSource) {
		t.Errorf("the set is %b", set)
	}
}
