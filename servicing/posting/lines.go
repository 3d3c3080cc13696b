package posting

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// LoanRoles are the roles for which each loan has an account of its own: what
// the borrower owes and is owed. All other roles are the lender's as a whole.
var LoanRoles = []ledger.Role{
	ledger.LoanPortfolio, ledger.InterestReceivable, ledger.FeesReceivable, ledger.PenaltiesReceivable,
	ledger.Overpayment,
}

// OwnedByLoan reports whether a role is one of LoanRoles.
func OwnedByLoan(role ledger.Role) bool { return slices.Contains(LoanRoles, role) }

// RoleSet is a set of LoanRoles, a bit for each in their order.
type RoleSet byte

// AllLoanRoles has each of LoanRoles.
const AllLoanRoles RoleSet = 1<<5 - 1

// Add puts a role into the set and reports whether it was new to it; a role
// that is none of LoanRoles never is.
func (s *RoleSet) Add(role ledger.Role) bool {
	i := slices.Index(LoanRoles, role)
	if i < 0 || *s&(1<<i) != 0 {
		return false
	}
	*s |= 1 << i
	return true
}

// movement books one figure from the credited role to the debited one.
type movement struct {
	of            Figure
	debit, credit ledger.Role
}

// Rule books one figure of a transaction from the credited role to the debited
// one, in place of the row of the table.
type Rule struct {
	Transaction Transaction `json:"transaction"`
	Of          Figure      `json:"of"`
	Debit       ledger.Role `json:"debit"`
	Credit      ledger.Role `json:"credit"`
}

// ErrRule means that a rule cannot replace a row of the table.
var ErrRule = errors.New("no rule for the posting table")

// Validate returns ErrRule with the reason unless the rule names a row of the
// table and other roles of the lender: what the loan's own accounts hold must
// stay what the loan says.
func (r Rule) Validate() error {
	base, known := rowOf(r.Transaction, r.Of)
	switch {
	case !known:
		return fmt.Errorf("%w: there is no row for %s of %.40q", ErrRule, r.Of, string(r.Transaction))
	case !r.Debit.Valid() || !r.Credit.Valid() || r.Debit == r.Credit:
		return fmt.Errorf("%w: it must name two roles of the chart", ErrRule)
	}
	for _, own := range LoanRoles {
		if (base.debit == own) != (r.Debit == own) || (base.credit == own) != (r.Credit == own) {
			return fmt.Errorf("%w: it must leave %s of the loan as it is", ErrRule, own)
		}
	}
	return nil
}

func rowOf(transaction Transaction, of Figure) (movement, bool) {
	for _, m := range table[transaction] {
		if m.of == of {
			return m, true
		}
	}
	return movement{}, false
}

// Table returns the rows of the table, for those who show or check it.
func Table() []Rule {
	var rules []Rule
	for transaction, rows := range table {
		for _, m := range rows {
			rules = append(rules, Rule{transaction, m.of, m.debit, m.credit})
		}
	}
	return rules
}

// Figures are the amounts of a transaction in minor units.
type Figures [FigureCount]int64

// Line is what is debited to the account of a role; negative is credited.
type Line struct {
	Role  ledger.Role  `json:"role"`
	Debit money.Amount `json:"debit"`
}

// Lines returns the debits and credits of a transaction by role, none that is
// zero. Rules come before the rows of the table. They sum to zero.
func Lines(transaction Transaction, figures *Figures, rules []Rule, currency money.Currency) []Line {
	var nets Nets
	for _, m := range table[transaction] {
		if figures[m.of] == 0 {
			continue
		}
		for i := range rules {
			if r := &rules[i]; r.Transaction == transaction && r.Of == m.of {
				m.debit, m.credit = r.Debit, r.Credit
			}
		}
		nets.Add(m.debit, figures[m.of])
		nets.Add(m.credit, -figures[m.of])
	}
	return nets.Lines(currency)
}

// Mirror returns the lines with their sides exchanged.
func Mirror(lines []Line) []Line {
	mirror := make([]Line, len(lines))
	for i, line := range lines {
		mirror[i] = Line{Role: line.Role, Debit: money.New(-line.Debit.Minor(), line.Debit.Currency())}
	}
	return mirror
}

// Nets are debits less credits by role, in the order in which roles came.
type Nets []net

type net struct {
	role ledger.Role
	net  int64
}

// rolesOfEntry is how many roles an entry has at most, most often.
const rolesOfEntry = 8

// Add debits an amount in minor units to a role; negative credits it.
func (n *Nets) Add(role ledger.Role, debit int64) {
	for i := range *n {
		if (*n)[i].role == role {
			(*n)[i].net += debit
			return
		}
	}
	if *n == nil {
		*n = make(Nets, 0, rolesOfEntry)
	}
	*n = append(*n, net{role: role, net: debit})
}

// Subtract takes off what others have.
func (n *Nets) Subtract(others Nets) {
	for _, o := range others {
		n.Add(o.role, -o.net)
	}
}

// Lines returns what is not zero.
func (n Nets) Lines(currency money.Currency) []Line {
	lines := make([]Line, 0, len(n))
	for _, r := range n {
		if r.net != 0 {
			lines = append(lines, Line{Role: r.role, Debit: money.New(r.net, currency)})
		}
	}
	return lines
}
