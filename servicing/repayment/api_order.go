package repayment

import (
	"context"
	"net/http"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/servicing"
)

var (
	forFinance  = httpapi.Allow(access.Finance)
	forOfficers = httpapi.Allow(access.Officer, access.Manager, access.Finance)
	forManagers = httpapi.Allow(access.Manager, access.CreditHead, access.Finance)
)

// orderOp describes a command on a loan.
func orderOp(id, path, summary, description string, who httpapi.Access) httpapi.Op {
	return httpapi.Op{
		ID: id, Method: http.MethodPost, Path: "/api/v1/loans/{loanId}/" + path, Tag: tag, Summary: summary,
		Description: description, Access: who, Idempotent: true, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}
}

func (s *Service) orderRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "reverse-payment", Method: http.MethodPost, Path: "/api/v1/payments/{payId}/reverse", Tag: tag,
		Summary: "Reverse a posted payment",
		Description: "For a payment that bounced or was a mistake: the loan and the books become what they would be " +
			"without it, by entries of their own. A payment is reversed once.",
		Access: forOfficers, Idempotent: true, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.reversePayment)
	httpapi.Register(api, orderOp("refund-loan", "refund", "Refund what a borrower has overpaid",
		"At most what is overpaid on the day.", forFinance), s.refundLoan)
	httpapi.Register(api, orderOp("charge-back", "chargeback", "Note money that was taken back",
		"What the borrower's bank took back, or the lender gave back, is owed again, as principal due at once.",
		forFinance), s.chargeBack)
	httpapi.Register(api, orderOp("charge-loan", "charges", "Charge a fee or a penalty",
		"It has a due date of its own, beside the plan.", forOfficers), s.chargeLoan)
	httpapi.Register(api, orderOp("waive", "waive", "Forgive interest, fees or penalties",
		"What is open of the component, the oldest instalment first. What was income by then is a loss.",
		forManagers), s.waive)
	httpapi.Register(api, orderOp("charge-off-loan", "charge-off", "Take a loan off the books",
		"The borrower owes it still; what is paid is recovered.", forManagers), s.chargeOff)
	httpapi.Register(api, orderOp("write-off-loan", "write-off", "Give a loan up",
		"All that is open is a loss. What is paid later is booked as a recovery.", forManagers), s.writeOff)
	httpapi.Register(api, orderOp("reschedule-loan", "reschedule", "Agree on a new plan",
		"From the day of the change on. With `capitalise` all that is due and open becomes principal of the new plan.",
		forOfficers), s.reschedule)
	httpapi.Register(api, orderOp("promise-payoff", "payoff-quotes", "Get a payoff quote that is honoured",
		"Paid in full until the quote expires, with its id, it closes the loan although more has become due meanwhile.",
		httpapi.Bearer()), s.promisePayoff)
}

type reverseInput struct {
	PayID uuid.UUID `path:"payId" format:"uuid" doc:"The payment"`
	Body  struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500"`
	}
}

func (s *Service) reversePayment(ctx context.Context, in *reverseInput) (*paymentOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Reverse(ctx, httpapi.Actor(ctx), key, in.PayID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return outputOf(httpapi.Reply(ctx, result)), nil
}

type quoteBody struct {
	QuoteID uuid.UUID  `json:"quote_id" format:"uuid" doc:"To be sent with the payment"`
	From    civil.Date `json:"from" format:"date"`
	Until   civil.Date `json:"until" format:"date" doc:"The last value date on which it is honoured"`
	Payoff  payoffBody `json:"payoff"`
}

type stateOutput struct {
	Body struct {
		LoanID      uuid.UUID     `json:"loan_id" format:"uuid"`
		CommandID   uuid.UUID     `json:"command_id" format:"uuid" doc:"Names what was done"`
		Status      string        `json:"status" enum:"PENDING,ACTIVE,REPAID,CLOSED,CANCELLED,WRITTEN_OFF"`
		Outstanding partsBody     `json:"outstanding" doc:"All that is open afterwards"`
		Overpaid    httpapi.Money `json:"overpaid" doc:"Owed to the borrower afterwards"`
		Quote       *quoteBody    `json:"quote,omitempty"`
	}
}

// give carries out a command that the request describes.
func (s *Service) give(ctx context.Context, name string, loanID uuid.UUID, in any, order Order) (*stateOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Do(ctx, httpapi.Actor(ctx), key, name, loanID, in, order)
	if err != nil {
		return nil, planFault(err)
	}
	state := httpapi.Reply(ctx, result)
	out := &stateOutput{}
	b := &out.Body
	b.LoanID, b.CommandID, b.Status = state.LoanID, state.CommandID, string(state.Status)
	b.Outstanding, b.Overpaid = partsOf(state.Outstanding), httpapi.MoneyOf(state.Overpaid)
	if q := state.Quote; q != nil {
		b.Quote = &quoteBody{QuoteID: q.ID, From: q.On, Until: q.Until, Payoff: payoffOf(q.Payoff)}
	}
	return out, nil
}

// planFault names the fault of a plan that is not to be had.
func planFault(err error) error {
	if faults := amortization.Faults(err); len(faults) > 0 {
		return &servicing.InvalidError{Field: "change", Reason: faults[0].Error()}
	}
	return err
}

// dayOr returns the day that the client named, or the business date.
func dayOr(on *civil.Date, business civil.Date) civil.Date {
	if on != nil {
		return *on
	}
	return business
}

// DatedFields are common to commands on a loan.
type DatedFields struct {
	On     *civil.Date `json:"on,omitempty" format:"date" doc:"From when it counts; default: the business date"`
	Reason string      `json:"reason,omitempty" maxLength:"500"`
}

type moneyInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
	Body   struct {
		DatedFields
		Amount httpapi.Money `json:"amount"`
	}
}

func (s *Service) refundLoan(ctx context.Context, in *moneyInput) (*stateOutput, error) {
	b := &in.Body
	order := func(id uuid.UUID, l *servicing.Loan, today civil.Date) (servicing.Command, error) {
		on := dayOr(b.On, today)
		return servicing.Refund{
			ID: id, On: on, Amount: b.Amount.Value(), Reason: b.Reason, AfterPayoff: l.ClosedOn == on,
		}, nil
	}
	return s.give(ctx, "refund", in.LoanID, in, order)
}

type chargebackInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
	Body   struct {
		DatedFields
		Amount httpapi.Money `json:"amount"`
		By     string        `json:"by,omitempty" enum:"BANK,LENDER" default:"BANK" doc:"Who took the money back"`
	}
}

func (s *Service) chargeBack(ctx context.Context, in *chargebackInput) (*stateOutput, error) {
	b, by := &in.Body, servicing.ByBank
	if b.By == "LENDER" {
		by = servicing.ByLender
	}
	order := func(id uuid.UUID, _ *servicing.Loan, today civil.Date) (servicing.Command, error) {
		return servicing.Chargeback{ID: id, By: by, On: dayOr(b.On, today), Amount: b.Amount.Value(), Reason: b.Reason}, nil
	}
	return s.give(ctx, "chargeback", in.LoanID, in, order)
}

// components by the names that the API has for them.
var components = map[string]amortization.Component{
	"FEE": amortization.PartFee, "PENALTY": amortization.PartPenalty, "INTEREST": amortization.PartInterest,
}

type chargeInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
	Body   struct {
		DatedFields
		Component string        `json:"component" enum:"FEE,PENALTY"`
		Amount    httpapi.Money `json:"amount"`
		DueDate   *civil.Date   `json:"due_date,omitempty" format:"date" doc:"Default: at once"`
	}
}

func (s *Service) chargeLoan(ctx context.Context, in *chargeInput) (*stateOutput, error) {
	b := &in.Body
	order := func(id uuid.UUID, _ *servicing.Loan, today civil.Date) (servicing.Command, error) {
		on := dayOr(b.On, today)
		return servicing.Charge{
			ID: id, On: on, Component: components[b.Component], Amount: b.Amount.Value(), Due: dayOr(b.DueDate, on),
			Reason: b.Reason,
		}, nil
	}
	return s.give(ctx, "charge", in.LoanID, in, order)
}

type waiveInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
	Body   struct {
		DatedFields
		Component string        `json:"component" enum:"FEE,PENALTY,INTEREST"`
		Amount    httpapi.Money `json:"amount"`
	}
}

func (s *Service) waive(ctx context.Context, in *waiveInput) (*stateOutput, error) {
	b := &in.Body
	order := func(id uuid.UUID, _ *servicing.Loan, today civil.Date) (servicing.Command, error) {
		return servicing.Waiver{
			ID: id, On: dayOr(b.On, today), Component: components[b.Component], Amount: b.Amount.Value(), Reason: b.Reason,
		}, nil
	}
	return s.give(ctx, "waive", in.LoanID, in, order)
}

type chargeOffInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
	Body   struct {
		DatedFields
		Fraud bool `json:"fraud,omitempty" doc:"Whether the loan was got by fraud"`
	}
}

func (s *Service) chargeOff(ctx context.Context, in *chargeOffInput) (*stateOutput, error) {
	b := &in.Body
	order := func(id uuid.UUID, _ *servicing.Loan, today civil.Date) (servicing.Command, error) {
		return servicing.ChargeOff{ID: id, On: dayOr(b.On, today), Fraud: b.Fraud, Reason: b.Reason}, nil
	}
	return s.give(ctx, "charge-off", in.LoanID, in, order)
}

type writeOffInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
	Body   DatedFields
}

func (s *Service) writeOff(ctx context.Context, in *writeOffInput) (*stateOutput, error) {
	b := &in.Body
	order := func(id uuid.UUID, _ *servicing.Loan, today civil.Date) (servicing.Command, error) {
		return servicing.WriteOff{ID: id, On: dayOr(b.On, today), Reason: b.Reason}, nil
	}
	return s.give(ctx, "write-off", in.LoanID, in, order)
}

type rescheduleInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
	Body   struct {
		DatedFields
		Instalments       int         `json:"instalments,omitempty" minimum:"0" maximum:"10000" doc:"The new number of instalments still due; absent: as it is"`
		FirstDueDate      *civil.Date `json:"first_due_date,omitempty" format:"date" doc:"The new next due date"`
		AnnualRatePercent string      `json:"annual_rate_percent,omitempty" pattern:"^[0-9]{1,5}([.][0-9]{1,10})?$" doc:"The new rate"`
		Capitalise        bool        `json:"capitalise,omitempty" doc:"What is due and open becomes principal"`
	}
}

func (s *Service) reschedule(ctx context.Context, in *rescheduleInput) (*stateOutput, error) {
	b := &in.Body
	change := amortization.Rescheduling{Instalments: b.Instalments}
	if b.FirstDueDate != nil {
		change.FirstDueDate = *b.FirstDueDate
	}
	if b.AnnualRatePercent != "" {
		rate, err := amortization.ParseDecimal(b.AnnualRatePercent)
		if err != nil {
			return nil, &servicing.InvalidError{Field: "annual_rate_percent", Reason: err.Error()}
		}
		change.AnnualRatePercent = &rate
	}
	order := func(id uuid.UUID, _ *servicing.Loan, today civil.Date) (servicing.Command, error) {
		return servicing.Rescheduling{
			ID: id, On: dayOr(b.On, today), Change: change, Capitalise: b.Capitalise, Reason: b.Reason,
		}, nil
	}
	return s.give(ctx, "reschedule", in.LoanID, in, order)
}

type promiseInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
	Body   struct {
		Until civil.Date `json:"until" format:"date" doc:"The last value date on which it is to be honoured"`
	}
}

func (s *Service) promisePayoff(ctx context.Context, in *promiseInput) (*stateOutput, error) {
	order := func(id uuid.UUID, _ *servicing.Loan, today civil.Date) (servicing.Command, error) {
		return servicing.PayoffPromise{ID: id, On: today, Until: in.Body.Until}, nil
	}
	return s.give(ctx, "quote", in.LoanID, in, order)
}
