package ledgersvc

import (
	"context"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// StatementQuery says which lines of an account to read.
type StatementQuery struct {
	From     civil.Date `query:"from" json:"from,omitzero" format:"date" doc:"First effective date; default: the beginning"`
	To       civil.Date `query:"to" json:"to,omitzero" format:"date" doc:"Last effective date; default: everything"`
	Known    time.Time  `query:"known_at" json:"known_at,omitzero" format:"date-time" doc:"Leaves out what was recorded later; default: nothing"`
	Snapshot int64      `query:"snapshot" json:"-" minimum:"0" doc:"What an earlier statement was of; default: now"`
}

type statementInput struct {
	AccountPath
	PageInput
	StatementQuery
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
		Snapshot   int64           `json:"snapshot" doc:"Ask with it again to get the same statement, whatever was posted or back-dated since"`
		Opening    httpapi.Money   `json:"opening_balance"`
		Closing    httpapi.Money   `json:"closing_balance"`
		Lines      []statementLine `json:"lines" nullable:"false"`
		NextCursor string          `json:"next_cursor,omitempty"`
	}
}

// statementPlace is where the next page of a statement begins.
type statementPlace struct {
	Account uuid.UUID             `json:"a"`
	After   ledgerdb.LinePosition `json:"p"`
	Running int64                 `json:"b"`
}

func (s *Service) statement(ctx context.Context, in *statementInput) (*statementOutput, error) {
	var at resume[StatementQuery, statementPlace]
	if err := at.open(in.Cursor, in.StatementQuery, in.Snapshot); err != nil {
		return nil, err
	}
	if in.Cursor != "" && at.After.Account != in.id() {
		return nil, queryFault("cursor", "is of another account")
	}
	if err := s.pin(ctx, &at.Snapshot); err != nil {
		return nil, err
	}
	st, err := read(ctx, s, func(tx database.Tx) (ledgerdb.Statement, error) {
		account, err := ledgerdb.Account(ctx, tx, in.id())
		if err != nil {
			return ledgerdb.Statement{}, err
		}
		view, err := ledgerdb.ViewAt(ctx, tx, at.Snapshot, at.Query.Known)
		if err != nil {
			return ledgerdb.Statement{}, err
		}
		return ledgerdb.ReadStatement(ctx, tx, account, ledgerdb.StatementRange{
			From: at.Query.From, To: at.Query.To, View: view, After: at.After.After,
			Running: money.New(at.After.Running, account.Currency), Limit: in.Limit,
		})
	})
	if err != nil {
		return nil, err
	}
	out := &statementOutput{}
	out.Body.Account, out.Body.Snapshot = accountOf(st.Account), at.Snapshot
	out.Body.Opening, out.Body.Closing = httpapi.MoneyOf(st.Opening.Net), httpapi.MoneyOf(st.Closing.Net)
	out.Body.Lines = make([]statementLine, len(st.Lines))
	for i, line := range st.Lines {
		out.Body.Lines[i] = statementLineOf(line)
	}
	if len(st.Lines) == in.Limit {
		last := st.Lines[len(st.Lines)-1]
		out.Body.NextCursor, err = at.next(statementPlace{
			Account: in.id(), After: last.Position, Running: last.Running.Minor(),
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
