package ledgersvc

import (
	"fmt"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// glMovement is what happened to a general ledger account over a range.
type glMovement struct {
	GL                                ledger.GLAccount
	Currency                          money.Currency
	Opening, Debits, Credits, Closing money.Amount
}

// movements subtracts the trial balance before a range from the one at its end.
func movements(before, after ledgerdb.TrialBalance) ([]glMovement, error) {
	type place struct {
		code     string
		currency money.Currency
	}
	earlier := map[place]ledgerdb.TrialRow{}
	for _, r := range before.Rows {
		earlier[place{r.GL.Code, r.Currency}] = r
	}
	list := make([]glMovement, 0, len(after.Rows))
	for _, r := range after.Rows {
		opening, ok := earlier[place{r.GL.Code, r.Currency}]
		if !ok {
			zero := money.Zero(r.Currency)
			opening = ledgerdb.TrialRow{Debits: zero, Credits: zero, Net: zero}
		}
		m := glMovement{GL: r.GL, Currency: r.Currency, Opening: opening.Net, Closing: r.Net}
		var err error
		if m.Debits, err = r.Debits.Sub(opening.Debits); err != nil {
			return nil, fmt.Errorf("debits of %s: %w", r.GL.Code, err)
		}
		if m.Credits, err = r.Credits.Sub(opening.Credits); err != nil {
			return nil, fmt.Errorf("credits of %s: %w", r.GL.Code, err)
		}
		list = append(list, m)
	}
	return list, nil
}

// sheet is the balance sheet in one currency. Assets equal liabilities, equity
// and earnings when the books are whole.
type sheet struct {
	Currency                              money.Currency
	Assets, Liabilities, Equity, Earnings money.Amount
	Difference                            money.Amount
}

// sheets sums a trial balance by account type. Income less expenses that was
// not carried to equity is shown as earnings.
func sheets(trial ledgerdb.TrialBalance) ([]sheet, error) {
	var list []sheet
	for _, r := range trial.Rows {
		last := len(list) - 1
		if last < 0 || list[last].Currency != r.Currency {
			zero := money.Zero(r.Currency)
			list = append(list, sheet{
				Currency: r.Currency, Assets: zero, Liabilities: zero, Equity: zero, Earnings: zero, Difference: zero,
			})
			last++
		}
		if err := list[last].add(r); err != nil {
			return nil, fmt.Errorf("adding %s: %w", r.GL.Code, err)
		}
	}
	return list, nil
}

func (s *sheet) add(r ledgerdb.TrialRow) error {
	debit, err := r.Debits.Sub(r.Credits)
	if err != nil {
		return err
	}
	if s.Difference, err = s.Difference.Add(debit); err != nil {
		return err
	}
	switch r.GL.Type {
	case ledger.Asset:
		s.Assets, err = s.Assets.Add(debit)
	case ledger.Liability:
		s.Liabilities, err = s.Liabilities.Sub(debit)
	case ledger.Equity:
		s.Equity, err = s.Equity.Sub(debit)
	case ledger.Income, ledger.Expense:
		s.Earnings, err = s.Earnings.Sub(debit)
	}
	return err
}

// resultLine is what a range added to an account of income or expenses:
// positive for income that was earned and for expenses that were made.
type resultLine struct {
	GL     ledger.GLAccount
	Amount money.Amount
}

// resultSum is the outcome of a range in one currency.
type resultSum struct {
	Income, Expenses, Result money.Amount
}

// incomeAndExpenses picks the movements of income and expenses, which come by
// currency, and sums them.
func incomeAndExpenses(list []glMovement) ([]resultLine, []resultSum, error) {
	var rows []resultLine
	var sums []resultSum
	for _, m := range list {
		if m.GL.Type != ledger.Income && m.GL.Type != ledger.Expense {
			continue
		}
		last := len(sums) - 1
		if last < 0 || sums[last].Income.Currency() != m.Currency {
			zero := money.Zero(m.Currency)
			sums = append(sums, resultSum{Income: zero, Expenses: zero, Result: zero})
			last++
		}
		amount, err := sums[last].add(m)
		if err != nil {
			return nil, nil, fmt.Errorf("adding %s: %w", m.GL.Code, err)
		}
		rows = append(rows, resultLine{GL: m.GL, Amount: amount})
	}
	return rows, sums, nil
}

// add adds a movement and returns it as the line shows it.
func (s *resultSum) add(m glMovement) (money.Amount, error) {
	amount, err := m.Credits.Sub(m.Debits)
	if err != nil {
		return money.Amount{}, err
	}
	if s.Result, err = s.Result.Add(amount); err != nil {
		return money.Amount{}, err
	}
	if m.GL.Type == ledger.Income {
		s.Income, err = s.Income.Add(amount)
		return amount, err
	}
	if amount, err = m.Debits.Sub(m.Credits); err != nil {
		return money.Amount{}, err
	}
	s.Expenses, err = s.Expenses.Add(amount)
	return amount, err
}
