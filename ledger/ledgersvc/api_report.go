package ledgersvc

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

func (s *Service) reportRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "get-account-statement", Method: http.MethodGet, Path: base + "/accounts/{account}/statement", Tag: tag,
		Access: readers, Summary: "Read the statement of an account", Errors: []int{http.StatusNotFound},
		Description: "Opening balance, lines with the balance after each, closing balance. Opening and closing are those " +
			"of the whole range, whatever page is read. Further pages see what the first one saw: the cursor keeps `known_at`.",
	}, s.statement)
	httpapi.Register(api, httpapi.Op{
		ID: "get-trial-balance", Method: http.MethodGet, Path: base + "/trial-balance", Tag: tag, Access: readers,
		Summary:     "Read the trial balance at a pair of dates",
		Description: "By general ledger code and currency. The difference of every currency is zero in books that are whole.",
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

type statementInput struct {
	AccountPath
	httpapi.PageInput
	From  civil.Date `query:"from" format:"date" doc:"First effective date; default: the beginning"`
	To    civil.Date `query:"to" format:"date" doc:"Last effective date; default: everything"`
	Known time.Time  `query:"known_at" format:"date-time" doc:"Leaves out what was recorded later; default: now"`
}

type statementLine struct {
	EntryID       uuid.UUID      `json:"entry_id" format:"uuid"`
	LineNo        int64          `json:"line_no" doc:"Place of the line in its entry, from 0"`
	EffectiveDate civil.Date     `json:"effective_date" format:"date"`
	BookingDate   civil.Date     `json:"booking_date" format:"date"`
	RecordedAt    time.Time      `json:"recorded_at"`
	Kind          string         `json:"kind"`
	Reference     string         `json:"reference"`
	Description   string         `json:"description"`
	Debit         *httpapi.Money `json:"debit,omitempty"`
	Credit        *httpapi.Money `json:"credit,omitempty"`
	Balance       httpapi.Money  `json:"balance" doc:"After the line, on the account's normal side"`
}

type statementOutput struct {
	Body struct {
		Account    accountBody     `json:"account"`
		KnownAt    time.Time       `json:"known_at" doc:"Ask with it again to get the same statement"`
		Opening    httpapi.Money   `json:"opening_balance"`
		Closing    httpapi.Money   `json:"closing_balance"`
		Lines      []statementLine `json:"lines" nullable:"false"`
		NextCursor string          `json:"next_cursor,omitempty"`
	}
}

// statementCursor carries the snapshot and the running balance from page to page.
type statementCursor struct {
	After   ledgerdb.LinePosition `json:"a"`
	Running int64                 `json:"b"`
	Known   time.Time             `json:"k"`
}

func (s *Service) statement(ctx context.Context, in *statementInput) (*statementOutput, error) {
	var cursor statementCursor
	if err := httpapi.DecodeCursor(in.Cursor, &cursor); err != nil {
		return nil, err
	}
	if in.Known.IsZero() {
		in.Known = s.env.Now().UTC().Truncate(time.Microsecond)
	}
	if in.Cursor != "" {
		in.Known = cursor.Known
	}
	st, err := read(ctx, s, func(tx database.Tx) (ledgerdb.Statement, error) {
		account, err := ledgerdb.Account(ctx, tx, in.id())
		if err != nil {
			return ledgerdb.Statement{}, err
		}
		return ledgerdb.ReadStatement(ctx, tx, account, ledgerdb.StatementRange{
			From: in.From, To: in.To, Known: in.Known, After: cursor.After,
			Running: money.New(cursor.Running, account.Currency), Limit: in.Limit,
		})
	})
	if err != nil {
		return nil, err
	}
	out := &statementOutput{}
	out.Body.Account, out.Body.KnownAt = accountOf(st.Account), in.Known
	out.Body.Opening, out.Body.Closing = httpapi.MoneyOf(st.Opening.Net), httpapi.MoneyOf(st.Closing.Net)
	out.Body.Lines = make([]statementLine, len(st.Lines))
	for i, line := range st.Lines {
		out.Body.Lines[i] = statementLineOf(line)
	}
	if len(st.Lines) == in.Limit {
		last := st.Lines[len(st.Lines)-1]
		out.Body.NextCursor, err = httpapi.EncodeCursor(statementCursor{
			After: last.Position, Running: last.Running.Minor(), Known: in.Known,
		})
	}
	return out, err
}

func statementLineOf(l ledgerdb.StatementLine) statementLine {
	amount := httpapi.MoneyOf(l.Amount)
	body := statementLine{
		EntryID: l.Position.Entry, LineNo: l.Position.Line, EffectiveDate: l.Position.Effective,
		BookingDate: l.BookingDate, RecordedAt: l.Position.Recorded, Kind: l.Kind, Reference: l.Reference,
		Description: l.Description, Balance: httpapi.MoneyOf(l.Running),
	}
	if l.Side == ledger.Debit {
		body.Debit = &amount
	} else {
		body.Credit = &amount
	}
	return body
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
		Balanced bool         `json:"balanced" doc:"Whether every difference is zero"`
		Rows     []glRow      `json:"rows" nullable:"false"`
		Totals   []trialTotal `json:"totals" nullable:"false"`
	}
}

func (s *Service) trialBalance(ctx context.Context, in *trialInput) (*trialOutput, error) {
	trial, err := read(ctx, s, func(tx database.Tx) (ledgerdb.TrialBalance, error) {
		return ledgerdb.Trial(ctx, tx, in.at(), in.Basis)
	})
	if err != nil {
		return nil, err
	}
	out := &trialOutput{}
	out.Body.Balanced = true
	out.Body.Rows = make([]glRow, len(trial.Rows))
	for i, r := range trial.Rows {
		out.Body.Rows[i] = glRow{
			GLCode: r.GL.Code, Name: r.GL.Name, Type: r.GL.Type, Currency: r.Currency.Code(),
			Debits: httpapi.MoneyOf(r.Debits), Credits: httpapi.MoneyOf(r.Credits), Balance: httpapi.MoneyOf(r.Net),
		}
	}
	out.Body.Totals = totalsOf(trial.Totals)
	for _, t := range trial.Totals {
		out.Body.Balanced = out.Body.Balanced && t.Difference.IsZero()
	}
	return out, nil
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
	From  civil.Date `query:"from" format:"date" required:"true" doc:"First day"`
	To    civil.Date `query:"to" format:"date" required:"true" doc:"Last day"`
	Known time.Time  `query:"known_at" format:"date-time" doc:"Leaves out what was recorded later"`
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
		Rows []movementRow `json:"rows" nullable:"false"`
	}
}

func (s *Service) generalLedger(ctx context.Context, in *rangeInput) (*ledgerOutput, error) {
	if in.To.Before(in.From) {
		return nil, ledger.Reject(ledger.FieldInvalid, "to", "must not be before from")
	}
	list, err := read(ctx, s, func(tx database.Tx) ([]glMovement, error) {
		before, err := ledgerdb.Trial(ctx, tx, ledgerdb.At{Effective: in.From.AddDays(-1), Known: in.Known}, in.Basis)
		if err != nil {
			return nil, err
		}
		after, err := ledgerdb.Trial(ctx, tx, ledgerdb.At{Effective: in.To, Known: in.Known}, in.Basis)
		if err != nil {
			return nil, err
		}
		return movements(before, after)
	})
	if err != nil {
		return nil, err
	}
	out := &ledgerOutput{}
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
		Currencies []sheetBody `json:"currencies" nullable:"false"`
	}
}

func (s *Service) balanceSheet(ctx context.Context, in *trialInput) (*sheetOutput, error) {
	list, err := read(ctx, s, func(tx database.Tx) ([]sheet, error) {
		trial, err := ledgerdb.Trial(ctx, tx, in.at(), in.Basis)
		if err != nil {
			return nil, err
		}
		return sheets(trial)
	})
	if err != nil {
		return nil, err
	}
	out := &sheetOutput{}
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

type periodEvent struct {
	ID         uuid.UUID             `json:"id" format:"uuid"`
	Action     ledgerdb.PeriodAction `json:"action" enum:"CLOSE,REOPEN"`
	Through    civil.Date            `json:"through" format:"date" doc:"Last closed day from then on"`
	RecordedAt time.Time             `json:"recorded_at"`
	By         string                `json:"by"`
	Reason     string                `json:"reason"`
	Totals     []trialTotal          `json:"totals" nullable:"false" doc:"Trial balance by booking date at a closing"`
}

func periodEventOf(e ledgerdb.PeriodEvent) periodEvent {
	return periodEvent{
		ID: e.ID, Action: e.Action, Through: e.Through, RecordedAt: e.RecordedAt, By: e.By, Reason: e.Reason,
		Totals: totalsOf(e.Totals),
	}
}

type periodsOutput struct {
	Body struct {
		ClosedThrough civil.Date    `json:"closed_through" format:"date" doc:"Last closed day; 1899-12-31 when none is"`
		Events        []periodEvent `json:"events" nullable:"false"`
	}
}

func (s *Service) periods(ctx context.Context, _ *struct{}) (*periodsOutput, error) {
	return read(ctx, s, func(tx database.Tx) (*periodsOutput, error) {
		out := &periodsOutput{}
		var err error
		out.Body.ClosedThrough, err = ledgerdb.ClosedThrough(ctx, tx)
		if err != nil {
			return nil, err
		}
		events, err := ledgerdb.PeriodEvents(ctx, tx, httpapi.PageSizeMax)
		if err != nil {
			return nil, err
		}
		out.Body.Events = make([]periodEvent, len(events))
		for i, e := range events {
			out.Body.Events[i] = periodEventOf(e)
		}
		return out, nil
	})
}

type periodInput struct {
	Body struct {
		Through civil.Date `json:"through" format:"date" doc:"Last closed day from then on"`
		Reason  string     `json:"reason" minLength:"1" maxLength:"500" example:"Month end, reviewed"`
	}
}

type periodOutput struct{ Body periodEvent }

func (s *Service) closePeriod(ctx context.Context, in *periodInput) (*periodOutput, error) {
	return s.period(ctx, in, s.ClosePeriod)
}

func (s *Service) reopenPeriod(ctx context.Context, in *periodInput) (*periodOutput, error) {
	return s.period(ctx, in, s.ReopenPeriod)
}

type periodAction func(
	ctx context.Context, actor access.Actor, key command.Key, through civil.Date, reason string,
) (command.Result[ledgerdb.PeriodEvent], error)

func (s *Service) period(ctx context.Context, in *periodInput, action periodAction) (*periodOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := action(ctx, httpapi.Actor(ctx), key, in.Body.Through, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return &periodOutput{Body: periodEventOf(httpapi.Reply(ctx, result))}, nil
}
