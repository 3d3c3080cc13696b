package reconcilesvc

import (
	"context"
	"net/http"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/reconcile"
	"github.com/tenor-lending/tenor/ledger/reconciledb"
)

func (s *Service) reportRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "get-reconciliation-report", Method: http.MethodGet, Path: base + "/report", Tag: tag, Access: readers,
		Summary: "Read the proof that bank and books agree",
		Description: "The balance of the books, the opening difference, all that stands between, and what the statements " +
			"leave out make the balance of the bank. `proven` says that nothing is left.",
		Errors: []int{http.StatusNotFound},
	}, s.report)
	httpapi.Register(api, httpapi.Op{
		ID: "print-reconciliation-report", Method: http.MethodGet, Path: base + "/report/print", Tag: tag, Access: readers,
		Summary: "The same report for printing (HTML) or for a spreadsheet (CSV)", Errors: []int{http.StatusNotFound},
	}, s.printReport)
}

// ReportInput says which report to read.
type ReportInput struct {
	AccountQuery
	Through civil.Date `query:"through" format:"date" doc:"Day of the report; default: the last day of the statements"`
}

type itemBody struct {
	ID        uuid.UUID          `json:"id" format:"uuid" doc:"The break; for TIMING the match"`
	Kind      reconcile.ItemKind `json:"kind" enum:"BANK_LINE,BOOK_LINE,DIFFERENCE,TIMING"`
	Break     reconcile.Kind     `json:"break,omitempty"`
	Amount    httpapi.Money      `json:"amount" doc:"What the bank has more because of it"`
	Date      civil.Date         `json:"date" format:"date"`
	AgeDays   int                `json:"age_days"`
	State     string             `json:"state,omitempty"`
	Reference string             `json:"reference,omitempty"`
	Text      string             `json:"text,omitempty"`
	Note      string             `json:"note,omitempty"`
}

type sumBody struct {
	Kind    reconcile.ItemKind `json:"kind,omitempty"`
	DaysMax int                `json:"days_max,omitempty" doc:"Upper end of an age group; absent for the oldest"`
	Count   int64              `json:"count"`
	Amount  httpapi.Money      `json:"amount"`
}

type reportBody struct {
	Account           string        `json:"account"`
	From              civil.Date    `json:"from" format:"date" doc:"First day of the first statement"`
	Through           civil.Date    `json:"through" format:"date"`
	BankOpening       httpapi.Money `json:"bank_opening"`
	BankMovement      httpapi.Money `json:"bank_movement"`
	BankClosing       httpapi.Money `json:"bank_closing"`
	BankStated        bool          `json:"bank_balance_stated" doc:"Whether the bank itself states the closing balance"`
	BankLines         int64         `json:"bank_lines"`
	BookOpening       httpapi.Money `json:"book_opening" doc:"Debits less credits"`
	BookClosing       httpapi.Money `json:"book_closing"`
	Matches           int64         `json:"matches"`
	Items             []itemBody    `json:"items" nullable:"false" doc:"What stands between bank and books, at most 10,000"`
	ItemsLeftOut      int64         `json:"items_left_out"`
	ByKind            []sumBody     `json:"by_kind" nullable:"false"`
	ByAge             []sumBody     `json:"by_age" nullable:"false"`
	OpeningDifference httpapi.Money `json:"opening_difference" doc:"What the bank had more before the first statement"`
	Gap               httpapi.Money `json:"gap" doc:"What the statements leave out: not zero when one is missing"`
	Unexplained       httpapi.Money `json:"unexplained" doc:"Not zero when lines came that were not reconciled yet"`
	Proven            bool          `json:"proven"`
}

type reportOutput struct{ Body reportBody }

func (s *Service) readReport(ctx context.Context, in *ReportInput) (reconcile.Report, error) {
	return read(ctx, s, in.id(), func(tx database.Tx, a ledger.Account) (reconcile.Report, error) {
		return reconciledb.ReadReport(ctx, tx, a, in.Through)
	})
}

func (s *Service) report(ctx context.Context, in *ReportInput) (*reportOutput, error) {
	r, err := s.readReport(ctx, in)
	if err != nil {
		return nil, err
	}
	return &reportOutput{reportOf(r)}, nil
}

func reportOf(r reconcile.Report) reportBody {
	body := reportBody{
		Account: r.Account, From: r.Start, Through: r.Through, BankOpening: httpapi.MoneyOf(r.BankOpening),
		BankMovement: httpapi.MoneyOf(r.BankMovement), BankClosing: httpapi.MoneyOf(r.BankClosing), BankStated: r.Stated,
		BankLines: r.BankLines, BookOpening: httpapi.MoneyOf(r.BookOpening), BookClosing: httpapi.MoneyOf(r.BookClosing),
		Matches: r.Matches, Items: make([]itemBody, len(r.Items)), ItemsLeftOut: r.Left,
		ByKind: []sumBody{}, ByAge: []sumBody{}, OpeningDifference: httpapi.MoneyOf(r.OpeningDifference),
		Gap: httpapi.MoneyOf(r.Gap), Unexplained: httpapi.MoneyOf(r.Unexplained), Proven: r.Proven,
	}
	for i, item := range r.Items {
		body.Items[i] = itemBody{
			ID: item.ID, Kind: item.Kind, Break: item.Break, Amount: httpapi.MoneyOf(item.Amount), Date: item.Day,
			AgeDays: item.Age, State: item.State, Reference: item.Reference, Text: item.Text, Note: item.Note,
		}
	}
	for _, kind := range reconcile.ItemKinds {
		if sum, ok := r.ByKind[kind]; ok {
			body.ByKind = append(body.ByKind, sumBody{Kind: kind, Count: sum.Count, Amount: httpapi.MoneyOf(sum.Amount)})
		}
	}
	for i, sum := range r.ByAge {
		group := sumBody{Count: sum.Count, Amount: httpapi.MoneyOf(sum.Amount)}
		if i < len(reconcile.Ages) {
			group.DaysMax = reconcile.Ages[i]
		}
		body.ByAge = append(body.ByAge, group)
	}
	return body
}

type printInput struct {
	ReportInput
	Format string `query:"format" enum:"html,csv" default:"html"`
}

func (s *Service) printReport(ctx context.Context, in *printInput) (*huma.StreamResponse, error) {
	r, err := s.readReport(ctx, &in.ReportInput)
	if err != nil {
		return nil, err
	}
	form := printForms[in.Format]
	text, err := form.write(r)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", form.contentType)
		ctx.SetHeader("Content-Disposition", form.disposition)
		ctx.SetHeader("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
		_, _ = ctx.BodyWriter().Write(text) // the client went away: nothing to tell it
	}}, nil
}
