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
