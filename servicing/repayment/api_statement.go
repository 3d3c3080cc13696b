package repayment

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/upload"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/statement"
)

const (
	pathStatement = "/api/v1/loans/{loanId}/statement"
	pathPrint     = pathStatement + "/print"
	typeCSV       = "text/csv; charset=utf-8"
)

func (s *Service) statementRoutes(api *httpapi.API) {
	api.Problems(httpapi.Problem{
		Err: statement.ErrTooLong, Status: http.StatusUnprocessableEntity, Type: "statement-too-long",
		Title: "The statement is too long; ask for fewer days",
	})
	httpapi.Register(api, httpapi.Op{
		ID: "get-statement", Method: http.MethodGet, Path: pathStatement, Tag: tag, Access: httpapi.Bearer(),
		Summary: "Read the statement of account of a loan",
		Description: "What happened to a loan by value date, with what each line moved and the balance after it, by " +
			"component: those of the loan's accounts in the ledger on that day. `known_at` asks for what the statement said " +
			"at an instant, before what was recorded later, such as a back-dated payment or a reversal. " +
			"Borrowers see their own loans only.",
		Errors: []int{http.StatusNotFound},
	}, s.getStatement)
	httpapi.Register(api, httpapi.Op{
		ID: "print-statement", Method: http.MethodGet, Path: pathPrint, Tag: tag, Access: httpapi.Bearer(),
		Summary:     "Download the statement of account of a loan as PDF or CSV",
		Description: "The same statement for printing or for a spreadsheet.",
		Errors:      []int{http.StatusNotFound},
	}, s.printStatement)
	upload.DescribeDownload(api, pathPrint, upload.PDF, typeCSV)
}

type balanceBody struct {
	Principal httpapi.Money `json:"principal"`
	Interest  httpapi.Money `json:"interest"`
	Fees      httpapi.Money `json:"fees"`
	Penalties httpapi.Money `json:"penalties"`
	Total     httpapi.Money `json:"total" doc:"The sum of the parts above"`
	Overpaid  httpapi.Money `json:"overpaid" doc:"Owed to the borrower"`
}

func balanceOf(b servicing.Balance) balanceBody {
	return balanceBody{
		Principal: httpapi.MoneyOf(b.Principal), Interest: httpapi.MoneyOf(b.Interest), Fees: httpapi.MoneyOf(b.Fees),
		Penalties: httpapi.MoneyOf(b.Penalties), Total: httpapi.MoneyOf(b.Total()),
		Overpaid: httpapi.MoneyOf(b.Overpaid),
	}
}

type lineBody struct {
	ValueDate  civil.Date    `json:"value_date" format:"date"`
	BookedOn   *civil.Date   `json:"booked_on,omitempty" format:"date" doc:"The business date on which it was recorded, if it came late"`
	Kind       string        `json:"kind" example:"REPAYMENT" doc:"The kind of its journal entry; DUE, CHARGE, LATE_FEE, LATE_FEE_REVERSED, RESCHEDULING, CLOSED and REOPENED move nothing"`
	Text       string        `json:"text"`
	PaymentID  *uuid.UUID    `json:"payment_id,omitempty" format:"uuid"`
	Amount     httpapi.Money `json:"amount" doc:"What the line is about: the payment, the instalment, the charge"`
	Allocation *splitBody    `json:"allocation,omitempty" doc:"How a payment was split; the parts sum to the amount"`
	Change     balanceBody   `json:"change" doc:"What it moved"`
	Balance    balanceBody   `json:"balance" doc:"What was receivable after it"`
}

type statementOutput struct {
	Body struct {
		LoanID  uuid.UUID   `json:"loan_id" format:"uuid"`
		Status  string      `json:"status" enum:"PENDING,ACTIVE,REPAID,CLOSED,CANCELLED,WRITTEN_OFF"`
		From    civil.Date  `json:"from" format:"date"`
		Through civil.Date  `json:"through" format:"date"`
		KnownAt *time.Time  `json:"known_at,omitempty" doc:"Given if what was recorded later is left out"`
		Opening balanceBody `json:"opening" doc:"Before the first line"`
		Lines   []lineBody  `json:"lines" maxItems:"25000" nullable:"false" doc:"By value date"`
		Closing balanceBody `json:"closing" doc:"After the last line"`
	}
}

// StatementInput chooses the loan and the days; huma looks into exported
// structs only.
type StatementInput struct {
	LoanID  uuid.UUID  `path:"loanId" format:"uuid" doc:"The loan"`
	From    civil.Date `query:"from" format:"date" doc:"The first value date; default: that of the loan"`
	Through civil.Date `query:"through" format:"date" doc:"The last value date; default: the business date, and not after it"`
	KnownAt time.Time  `query:"known_at" format:"date-time" doc:"Leaves out what was recorded later; not in the future; default: nothing"`
}

func (in *StatementInput) query() StatementQuery {
	return StatementQuery{From: in.From, Through: in.Through, KnownAt: in.KnownAt}
}

func (s *Service) getStatement(ctx context.Context, in *StatementInput) (*statementOutput, error) {
	st, err := s.Statement(ctx, httpapi.Actor(ctx), in.LoanID, in.query())
	if err != nil {
		return nil, err
	}
	out := &statementOutput{}
	b := &out.Body
	b.LoanID, b.Status, b.From, b.Through = st.LoanID, string(st.Status), st.From, st.Through
	if !st.KnownAt.IsZero() {
		b.KnownAt = &st.KnownAt
	}
	b.Opening, b.Closing, b.Lines = balanceOf(st.Opening), balanceOf(st.Closing), make([]lineBody, len(st.Lines))
	for i := range st.Lines {
		b.Lines[i] = lineOf(&st.Lines[i])
	}
	return out, nil
}

func lineOf(line *statement.Line) lineBody {
	b := lineBody{
		ValueDate: line.On, Kind: line.Kind, Text: line.Text, Amount: httpapi.MoneyOf(line.Amount),
		Change: balanceOf(line.Change), Balance: balanceOf(line.Balance),
	}
	if !line.Booked.IsZero() {
		b.BookedOn = &line.Booked
	}
	if split := line.Allocation; split != nil {
		b.PaymentID, b.Allocation = &line.PaymentID, splitOf(split.Parts, split.Overpaid)
	}
	return b
}

type printInput struct {
	StatementInput
	Format string `query:"format" enum:"pdf,csv" default:"pdf"`
}

func (s *Service) printStatement(ctx context.Context, in *printInput) (*huma.StreamResponse, error) {
	st, err := s.Statement(ctx, httpapi.Actor(ctx), in.LoanID, in.query())
	if err != nil {
		return nil, err
	}
	var content []byte
	contentType := typeCSV
	if in.Format == "csv" {
		content, err = st.CSV()
	} else {
		contentType = upload.PDF
		content, err = st.PDF(s.env.Config.Agreement.Lender, s.env.Now())
	}
	if err != nil {
		return nil, err
	}
	name := "statement-" + st.LoanID.String() + "-" + st.Through.String() + "." + in.Format
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", contentType)
		ctx.SetHeader("Content-Disposition", `attachment; filename="`+name+`"`)
		ctx.SetHeader("X-Content-Type-Options", "nosniff")
		ctx.SetHeader("Content-Security-Policy", "sandbox; default-src 'none'")
		_, _ = ctx.BodyWriter().Write(content) // the client went away: nothing to tell it
	}}, nil
}
