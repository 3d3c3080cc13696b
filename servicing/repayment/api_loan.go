package repayment

import (
	"context"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

type splitBody struct {
	Principal httpapi.Money `json:"principal"`
	Interest  httpapi.Money `json:"interest"`
	Fees      httpapi.Money `json:"fees"`
	Penalties httpapi.Money `json:"penalties"`
	Overpaid  httpapi.Money `json:"overpaid" doc:"Owed to the borrower"`
}

func splitOf(parts servicing.Parts, overpaid money.Amount) *splitBody {
	return &splitBody{
		Principal: httpapi.MoneyOf(parts.Principal), Interest: httpapi.MoneyOf(parts.Interest),
		Fees: httpapi.MoneyOf(parts.Fees), Penalties: httpapi.MoneyOf(parts.Penalties),
		Overpaid: httpapi.MoneyOf(overpaid),
	}
}

type paymentBody struct {
	PaymentID  uuid.UUID     `json:"payment_id" format:"uuid"`
	LoanID     uuid.UUID     `json:"loan_id" format:"uuid"`
	Status     string        `json:"status" enum:"DECLARED,PROVEN,POSTED,REJECTED,REVERSED" doc:"DECLARED waits for proof, PROVEN for an officer"`
	Kind       string        `json:"kind" example:"NORMAL"`
	Amount     httpapi.Money `json:"amount"`
	ValueDate  civil.Date    `json:"value_date" format:"date"`
	Channel    string        `json:"channel"`
	Reference  string        `json:"reference,omitempty"`
	Split      *splitBody    `json:"split,omitempty" doc:"How a posted payment was split; the parts sum to the amount"`
	CreatedAt  time.Time     `json:"created_at"`
	Proof      *proofBody    `json:"proof,omitempty"`
	DecidedAt  *time.Time    `json:"decided_at,omitempty" doc:"When it was posted or rejected"`
	Reason     string        `json:"reason,omitempty" doc:"What the officer wrote"`
	LoanStatus string        `json:"loan_status,omitempty" enum:"PENDING,ACTIVE,REPAID,CLOSED,CANCELLED,WRITTEN_OFF" doc:"The loan's status right after this request"`
}

type paymentOutput struct {
	Body paymentBody
}

func outputOf(p Payment) *paymentOutput { return &paymentOutput{Body: bodyOf(p)} }

func bodyOf(p Payment) paymentBody {
	b := paymentBody{
		PaymentID: p.ID, LoanID: p.LoanID, Status: string(p.Status), Kind: string(p.Kind),
		Amount: httpapi.MoneyOf(p.Amount), ValueDate: p.ValueDate, Channel: p.Channel, Reference: p.Reference,
		CreatedAt: p.CreatedAt, DecidedAt: p.DecidedAt, Reason: p.Reason, LoanStatus: string(p.LoanStatus),
	}
	if p.Status == Posted || p.Status == Reversed {
		b.Split = splitOf(p.Split, p.Overpaid)
	}
	if p.Proof != nil {
		b.Proof = &proofBody{ContentType: p.Proof.ContentType, Size: p.Proof.Size, SHA256: p.Proof.SHA256}
	}
	return b
}

type loanInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
}

type historyInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
	httpapi.PageInput
}

type historyOutput struct {
	Body struct {
		Payments   []paymentBody `json:"payments" maxItems:"200" nullable:"false" doc:"Newest first"`
		NextCursor string        `json:"next_cursor,omitempty" doc:"Absent on the last page"`
	}
}

func (s *Service) listHistory(ctx context.Context, in *historyInput) (*historyOutput, error) {
	var after *Position
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	payments, err := s.History(ctx, httpapi.Actor(ctx), in.LoanID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &historyOutput{}
	if len(payments) > in.Limit {
		payments = payments[:in.Limit]
		last := payments[len(payments)-1]
		out.Body.NextCursor, err = httpapi.EncodeCursor(Position{At: last.CreatedAt, ID: last.ID})
		if err != nil {
			return nil, err
		}
	}
	out.Body.Payments = make([]paymentBody, len(payments))
	for i, p := range payments {
		out.Body.Payments[i] = bodyOf(p)
	}
	return out, nil
}

type partsBody struct {
	Principal httpapi.Money `json:"principal"`
	Interest  httpapi.Money `json:"interest"`
	Fees      httpapi.Money `json:"fees"`
	Penalties httpapi.Money `json:"penalties"`
	Total     httpapi.Money `json:"total" doc:"The sum of the parts"`
}

func partsOf(p servicing.Parts) partsBody {
	return partsBody{
		Principal: httpapi.MoneyOf(p.Principal), Interest: httpapi.MoneyOf(p.Interest), Fees: httpapi.MoneyOf(p.Fees),
		Penalties: httpapi.MoneyOf(p.Penalties), Total: httpapi.MoneyOf(p.Total()),
	}
}

type nextDueBody struct {
	Number  int           `json:"number" doc:"The instalment"`
	DueDate civil.Date    `json:"due_date" format:"date"`
	Amount  httpapi.Money `json:"amount" doc:"What is open of it"`
}

type payoffBody struct {
	Date      civil.Date    `json:"date" format:"date" doc:"The day for which it is good"`
	Principal httpapi.Money `json:"principal"`
	Interest  httpapi.Money `json:"interest" doc:"Earned by the date and unpaid"`
	Fees      httpapi.Money `json:"fees"`
	Penalties httpapi.Money `json:"penalties"`
	Credit    httpapi.Money `json:"credit" doc:"Interest paid in advance and not earned; it is taken off"`
	Total     httpapi.Money `json:"total" doc:"What closes the loan"`
	PerDiem   httpapi.Money `json:"per_diem" doc:"Interest that the next day adds"`
}

func payoffOf(q servicing.PayoffQuote) payoffBody {
	return payoffBody{
		Date: q.On, Principal: httpapi.MoneyOf(q.Principal), Interest: httpapi.MoneyOf(q.Interest),
		Fees: httpapi.MoneyOf(q.Fees), Penalties: httpapi.MoneyOf(q.Penalties), Credit: httpapi.MoneyOf(q.Credit),
		Total: httpapi.MoneyOf(q.Total), PerDiem: httpapi.MoneyOf(q.PerDiem),
	}
}

type outstandingOutput struct {
	Body struct {
		LoanID       uuid.UUID     `json:"loan_id" format:"uuid"`
		Status       string        `json:"status" enum:"PENDING,ACTIVE,REPAID,CLOSED,CANCELLED,WRITTEN_OFF"`
		BusinessDate civil.Date    `json:"business_date" format:"date"`
		Outstanding  partsBody     `json:"outstanding" doc:"All that is open by the schedule, due or not"`
		DueNow       partsBody     `json:"due_now" doc:"What is open of the instalments due by the business date"`
		NextDue      *nextDueBody  `json:"next_due,omitempty" doc:"The next instalment with something open"`
		DaysPastDue  int           `json:"days_past_due" doc:"Days since the oldest open instalment was due"`
		PastDueSince *civil.Date   `json:"past_due_since,omitempty" format:"date"`
		Overpaid     httpapi.Money `json:"overpaid" doc:"Owed to the borrower"`
		Payoff       *payoffBody   `json:"payoff,omitempty" doc:"What closes the loan today; absent unless it is active"`
	}
}

func (s *Service) getOutstanding(ctx context.Context, in *loanInput) (*outstandingOutput, error) {
	owed, err := s.Outstanding(ctx, httpapi.Actor(ctx), in.LoanID)
	if err != nil {
		return nil, err
	}
	out := &outstandingOutput{}
	b := &out.Body
	b.LoanID, b.Status, b.BusinessDate = owed.LoanID, string(owed.Status), owed.BusinessDate
	b.Outstanding, b.DueNow, b.DaysPastDue = partsOf(owed.All), partsOf(owed.DueNow), owed.DaysPastDue
	b.Overpaid = httpapi.MoneyOf(owed.Overpaid)
	if next := owed.NextDue; next != nil {
		b.NextDue = &nextDueBody{Number: next.Number, DueDate: next.Due, Amount: httpapi.MoneyOf(next.Open().Total())}
	}
	if !owed.PastDueSince.IsZero() {
		b.PastDueSince = &owed.PastDueSince
	}
	if owed.Payoff != nil {
		payoff := payoffOf(*owed.Payoff)
		b.Payoff = &payoff
	}
	return out, nil
}

type payoffInput struct {
	LoanID uuid.UUID  `path:"loanId" format:"uuid" doc:"The loan"`
	Date   civil.Date `query:"date" format:"date" doc:"The day, at most 366 days after the business date, which is the default"`
}

type payoffOutput struct {
	Body payoffBody
}

func (s *Service) quotePayoff(ctx context.Context, in *payoffInput) (*payoffOutput, error) {
	quote, err := s.PayoffQuote(ctx, httpapi.Actor(ctx), in.LoanID, in.Date)
	if err != nil {
		return nil, err
	}
	return &payoffOutput{Body: payoffOf(quote)}, nil
}

type closeOutput struct {
	Body struct {
		LoanID   uuid.UUID     `json:"loan_id" format:"uuid"`
		Status   string        `json:"status" enum:"CLOSED"`
		ClosedOn civil.Date    `json:"closed_on" format:"date"`
		Overpaid httpapi.Money `json:"overpaid" doc:"Still owed to the borrower"`
	}
}

func (s *Service) closeLoan(ctx context.Context, in *loanInput) (*closeOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Close(ctx, httpapi.Actor(ctx), key, in.LoanID)
	if err != nil {
		return nil, err
	}
	state := httpapi.Reply(ctx, result)
	out := &closeOutput{}
	out.Body.LoanID, out.Body.Status = state.LoanID, string(state.Status)
	out.Body.ClosedOn, out.Body.Overpaid = state.ClosedOn, httpapi.MoneyOf(state.Overpaid)
	return out, nil
}
