package ledgersvc

import (
	"context"
	"net/http"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

func (s *Service) reportRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "get-account-statement", Method: http.MethodGet, Path: base + "/accounts/{account}/statement", Tag: tag,
		Access: readers, Summary: "Read the statement of an account", Errors: []int{http.StatusNotFound},
		Description: "Opening balance, lines with the balance after each, closing balance. Opening and closing are those " +
			"of the whole range, whatever page is read. A statement is of one `snapshot` of the books: further pages, and the " +
			"same request with that snapshot at any later time, see what the first one saw, whatever was back-dated since.",
	}, s.statement)
	httpapi.Register(api, httpapi.Op{
		ID: "get-trial-balance", Method: http.MethodGet, Path: base + "/trial-balance", Tag: tag, Access: readers,
		Summary: "Read the trial balance at a pair of dates",
		Description: "By general ledger code and currency. The difference of every currency is zero in books that are " +
			"whole. The answer is of one `snapshot`, with which it can be had again.",
	}, s.trialBalance)
	httpapi.Register(api, httpapi.Op{
		ID: "get-general-ledger", Method: http.MethodGet, Path: base + "/general-ledger", Tag: tag, Access: readers,
		Summary: "Read opening, movements and closing of the general ledger",
	}, s.generalLedger)
	httpapi.Register(api, httpapi.Op{
		ID: "get-balance-sheet", Method: http.MethodGet, Path: base + "/balance-sheet", Tag: tag, Access: readers,
		Summary:     "Read assets, liabilities, equity and earnings",
		Description: "Earnings are income less expenses that were not carried to equity.",
	}, s.balanceSheet)
	httpapi.Register(api, httpapi.Op{
		ID: "get-income-statement", Method: http.MethodGet, Path: base + "/income-statement", Tag: tag, Access: readers,
		Summary:     "Read income, expenses and what is left of them",
		Description: "Of the days from the first to the last, as far as they are known in the snapshot.",
	}, s.incomeStatement)
	httpapi.Register(api, httpapi.Op{
		ID: "list-period-events", Method: http.MethodGet, Path: base + "/periods", Tag: tag, Access: readers,
		Summary: "Read which periods are closed", Description: "With the latest 200 closings and reopenings, newest first.",
	}, s.periods)
	httpapi.Register(api, httpapi.Op{
		ID: "close-period", Method: http.MethodPost, Path: base + "/periods/close", Tag: tag, Access: writers,
		Idempotent: true, Summary: "Close the books through a day",
		Description: "Entries booked on or before it are rejected from then on.",
	}, s.closePeriod)
	httpapi.Register(api, httpapi.Op{
		ID: "reopen-period", Method: http.MethodPost, Path: base + "/periods/reopen", Tag: tag, Access: writers,
		Idempotent: true, Summary: "Open the books after a day again",
	}, s.reopenPeriod)
}

// BasisInput says by which date a report counts.
type BasisInput struct {
	Basis ledgerdb.Basis `query:"basis" enum:"EFFECTIVE,BOOKING" default:"EFFECTIVE" doc:"BOOKING counts a late entry in the period that it was booked in"`
}

type trialInput struct {
	AtInput
	BasisInput
}

type glRow struct {
	GLCode   string             `json:"gl_code" example:"1100"`
	Name     string             `json:"name"`
	Type     ledger.AccountType `json:"type" enum:"ASSET,LIABILITY,EQUITY,INCOME,EXPENSE"`
	Currency string             `json:"currency"`
	Debits   httpapi.Money      `json:"debits"`
	Credits  httpapi.Money      `json:"credits"`
	Balance  httpapi.Money      `json:"balance" doc:"Positive on the account's normal side"`
}

type trialTotal struct {
	Currency   string        `json:"currency"`
	Debits     httpapi.Money `json:"debits"`
	Credits    httpapi.Money `json:"credits"`
	Difference httpapi.Money `json:"difference" doc:"Zero in books that are whole"`
}

type trialOutput struct {
	Body struct {
		Snapshot int64        `json:"snapshot" doc:"Ask with it again to get the same answer"`
		Balanced bool         `json:"balanced" doc:"Whether every difference is zero"`
		Rows     []glRow      `json:"rows" nullable:"false"`
		Totals   []trialTotal `json:"totals" nullable:"false"`
	}
}

// trials reads the trial balance at several days, all of one snapshot.
func (s *Service) trials(
	ctx context.Context, in ViewInput, basis ledgerdb.Basis, days ...civil.Date,
) ([]ledgerdb.TrialBalance, int64, error) {
	snapshot := in.Snapshot
	if err := s.pin(ctx, &snapshot); err != nil {
		return nil, 0, err
	}
	list, err := read(ctx, s, func(tx database.Tx) ([]ledgerdb.TrialBalance, error) {
		view, err := ledgerdb.ViewAt(ctx, tx, snapshot, in.Known)
		if err != nil {
			return nil, err
		}
		list := make([]ledgerdb.TrialBalance, len(days))
		for i, day := range days {
			if list[i], err = view.Trial(ctx, tx, ledgerdb.At{Effective: day}, basis); err != nil {
				return nil, err
			}
		}
		return list, nil
	})
	return list, snapshot, err
}

func (s *Service) trialBalance(ctx context.Context, in *trialInput) (*trialOutput, error) {
	trials, snapshot, err := s.trials(ctx, in.ViewInput, in.Basis, in.Effective)
	if err != nil {
		return nil, err
	}
	trial := trials[0]
	out := &trialOutput{}
	out.Body.Snapshot, out.Body.Balanced = snapshot, true
	out.Body.Rows = make([]glRow, len(trial.Rows))
	for i, r := range trial.Rows {
		out.Body.Rows[i] = glRowOf(r)
	}
	out.Body.Totals = totalsOf(trial.Totals)
	for _, t := range trial.Totals {
		out.Body.Balanced = out.Body.Balanced && t.Difference.IsZero()
	}
	return out, nil
}

func glRowOf(r ledgerdb.TrialRow) glRow {
	return glRow{
		GLCode: r.GL.Code, Name: r.GL.Name, Type: r.GL.Type, Currency: r.Currency.Code(),
		Debits: httpapi.MoneyOf(r.Debits), Credits: httpapi.MoneyOf(r.Credits), Balance: httpapi.MoneyOf(r.Net),
	}
}

func totalsOf(totals []ledgerdb.TrialTotal) []trialTotal {
	list := make([]trialTotal, len(totals))
	for i, t := range totals {
		list[i] = trialTotal{
			Currency: t.Currency.Code(), Debits: httpapi.MoneyOf(t.Debits), Credits: httpapi.MoneyOf(t.Credits),
			Difference: httpapi.MoneyOf(t.Difference),
		}
	}
	return list
}

type rangeInput struct {
	BasisInput
	ViewInput
	From civil.Date `query:"from" format:"date" required:"true" doc:"First day"`
	To   civil.Date `query:"to" format:"date" required:"true" doc:"Last day"`
}

// movementsOf reads what happened between two days.
func (s *Service) movementsOf(ctx context.Context, in *rangeInput) ([]glMovement, int64, error) {
	if in.To.Before(in.From) {
		return nil, 0, queryFault("to", "must not be before from")
	}
	trials, snapshot, err := s.trials(ctx, in.ViewInput, in.Basis, in.From.AddDays(-1), in.To)
	if err != nil {
		return nil, 0, err
	}
	list, err := movements(trials[0], trials[1])
	return list, snapshot, err
}

type movementRow struct {
	GLCode   string             `json:"gl_code" example:"1100"`
	Name     string             `json:"name"`
	Type     ledger.AccountType `json:"type" enum:"ASSET,LIABILITY,EQUITY,INCOME,EXPENSE"`
	Currency string             `json:"currency"`
	Opening  httpapi.Money      `json:"opening_balance" doc:"Positive on the account's normal side"`
	Debits   httpapi.Money      `json:"debits" doc:"Of the range"`
	Credits  httpapi.Money      `json:"credits" doc:"Of the range"`
	Closing  httpapi.Money      `json:"closing_balance"`
}

type ledgerOutput struct {
	Body struct {
		Snapshot int64         `json:"snapshot" doc:"Ask with it again to get the same answer"`
		Rows     []movementRow `json:"rows" nullable:"false"`
	}
}

func (s *Service) generalLedger(ctx context.Context, in *rangeInput) (*ledgerOutput, error) {
	list, snapshot, err := s.movementsOf(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &ledgerOutput{}
	out.Body.Snapshot = snapshot
	out.Body.Rows = make([]movementRow, len(list))
	for i, m := range list {
		out.Body.Rows[i] = movementRow{
			GLCode: m.GL.Code, Name: m.GL.Name, Type: m.GL.Type, Currency: m.Currency.Code(),
			Opening: httpapi.MoneyOf(m.Opening), Debits: httpapi.MoneyOf(m.Debits), Credits: httpapi.MoneyOf(m.Credits),
			Closing: httpapi.MoneyOf(m.Closing),
		}
	}
	return out, nil
}

type sheetBody struct {
	Currency    string        `json:"currency"`
	Assets      httpapi.Money `json:"assets"`
	Liabilities httpapi.Money `json:"liabilities"`
	Equity      httpapi.Money `json:"equity"`
	Earnings    httpapi.Money `json:"earnings" doc:"Income less expenses"`
	Difference  httpapi.Money `json:"difference" doc:"Assets less all others: zero in books that are whole"`
}

type sheetOutput struct {
	Body struct {
		Snapshot   int64       `json:"snapshot" doc:"Ask with it again to get the same answer"`
		Rows       []glRow     `json:"rows" nullable:"false" doc:"The accounts of assets, liabilities and equity"`
		Currencies []sheetBody `json:"currencies" nullable:"false"`
	}
}

func (s *Service) balanceSheet(ctx context.Context, in *trialInput) (*sheetOutput, error) {
	trials, snapshot, err := s.trials(ctx, in.ViewInput, in.Basis, in.Effective)
	if err != nil {
		return nil, err
	}
	list, err := sheets(trials[0])
	if err != nil {
		return nil, err
	}
	out := &sheetOutput{}
	out.Body.Snapshot, out.Body.Rows = snapshot, []glRow{}
	for _, r := range trials[0].Rows {
		if r.GL.Type != ledger.Income && r.GL.Type != ledger.Expense {
			out.Body.Rows = append(out.Body.Rows, glRowOf(r))
		}
	}
	out.Body.Currencies = make([]sheetBody, len(list))
	for i, s := range list {
		out.Body.Currencies[i] = sheetBody{
			Currency: s.Currency.Code(), Assets: httpapi.MoneyOf(s.Assets), Liabilities: httpapi.MoneyOf(s.Liabilities),
			Equity: httpapi.MoneyOf(s.Equity), Earnings: httpapi.MoneyOf(s.Earnings),
			Difference: httpapi.MoneyOf(s.Difference),
		}
	}
	return out, nil
}

type resultRow struct {
	GLCode   string             `json:"gl_code" example:"4000"`
	Name     string             `json:"name"`
	Type     ledger.AccountType `json:"type" enum:"INCOME,EXPENSE"`
	Currency string             `json:"currency"`
	Amount   httpapi.Money      `json:"amount" doc:"What the range added, positive for income and for expenses"`
}

type resultTotal struct {
	Currency string        `json:"currency"`
	Income   httpapi.Money `json:"income"`
	Expenses httpapi.Money `json:"expenses"`
	Result   httpapi.Money `json:"result" doc:"Income less expenses"`
}

type resultOutput struct {
	Body struct {
		Snapshot   int64         `json:"snapshot" doc:"Ask with it again to get the same answer"`
		Rows       []resultRow   `json:"rows" nullable:"false"`
		Currencies []resultTotal `json:"currencies" nullable:"false"`
	}
}

func (s *Service) incomeStatement(ctx context.Context, in *rangeInput) (*resultOutput, error) {
	list, snapshot, err := s.movementsOf(ctx, in)
	if err != nil {
		return nil, err
	}
	rows, totals, err := incomeAndExpenses(list)
	if err != nil {
		return nil, err
	}
	out := &resultOutput{}
	out.Body.Snapshot = snapshot
	out.Body.Rows, out.Body.Currencies = make([]resultRow, len(rows)), make([]resultTotal, len(totals))
	for i, r := range rows {
		out.Body.Rows[i] = resultRow{
			GLCode: r.GL.Code, Name: r.GL.Name, Type: r.GL.Type, Currency: r.Amount.Currency().Code(),
			Amount: httpapi.MoneyOf(r.Amount),
		}
	}
	for i, t := range totals {
		out.Body.Currencies[i] = resultTotal{
			Currency: t.Income.Currency().Code(), Income: httpapi.MoneyOf(t.Income), Expenses: httpapi.MoneyOf(t.Expenses),
			Result: httpapi.MoneyOf(t.Result),
		}
	}
	return out, nil
}
