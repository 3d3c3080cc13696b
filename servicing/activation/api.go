package activation

import (
	"context"
	"net/http"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

const tag = "activation"

var problems = []httpapi.Problem{
	{Err: ErrNotFound, Status: http.StatusNotFound, Type: "loan-not-found", Title: "No such loan"},
	{Err: casefile.ErrNotFound, Status: http.StatusNotFound, Type: "application-not-found", Title: "No such application"},
	{
		Err: casefile.ErrWrongStage, Status: http.StatusConflict, Type: "wrong-stage",
		Title: "The application is at another stage",
	},
	{
		Err: servicing.ErrScheduleHash, Status: http.StatusConflict, Type: "schedule-differs",
		Title: "The terms do not give the schedule that was signed",
	},
	{
		Err: ErrVersion, Status: http.StatusConflict, Type: "product-version-differs",
		Title: "The late fee that was signed is not that of the loan product",
	},
	{Err: ErrTerms, Status: http.StatusConflict, Type: "terms-invalid", Title: "The signed terms are not valid"},
	{Err: ErrNoProduct, Status: http.StatusNotFound, Type: "loan-product-not-found", Title: "No such loan product"},
	{
		Err: ErrManyVersions, Status: http.StatusConflict, Type: "loan-product-full",
		Title: "The loan product has as many versions as it can have",
	},
	{
		Err: servicing.ErrInvalid, Status: http.StatusUnprocessableEntity, Type: "invalid-value",
		Title: "A value cannot be accepted",
	},
	{
		Err: loandb.ErrPeriodClosed, Status: http.StatusConflict, Type: "period-closed",
		Title: "The accounting period of the business date is closed",
	},
	{Err: ErrCancelled, Status: http.StatusConflict, Type: "loan-cancelled", Title: "The loan is cancelled"},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	httpapi.Register(api, httpapi.Op{
		ID: "trigger-activation", Method: http.MethodPost, Path: "/api/v1/activation/{appId}/trigger",
		Summary: "Activate the loan of a signed agreement",
		Description: "Opens the loan account with the signed schedule and orders the payout. The platform does this by " +
			"itself when an agreement is signed; asking again returns the same loan.",
		Tag: tag, Access: httpapi.Allow(access.System), Idempotent: true,
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.postTrigger)
	httpapi.Register(api, httpapi.Op{
		ID: "disburse-loan", Method: http.MethodPost, Path: "/api/v1/activation/{loanId}/disburse",
		Summary: "Try the payout of a loan now",
		Description: "The platform pays out by itself and repeats an attempt that was refused. This makes it try at once. " +
			"A loan that is paid out is left alone; one whose payout failed for good is cancelled: 409.",
		Tag: tag, Access: httpapi.Allow(access.System), Idempotent: true,
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.postDisburse)
	httpapi.Register(api, httpapi.Op{
		ID: "get-loan-account", Method: http.MethodGet, Path: "/api/v1/activation/{loanId}/account",
		Summary: "Read a loan account",
		Description: "What was agreed and paid out, what is owed, and how late it is. Staff and finance also see `risk`: " +
			"the stage of impairment, what is set aside for a loss, and whether income is suspended. " +
			"Borrowers see their own loans only.",
		Tag: tag, Access: httpapi.Bearer(), Errors: []int{http.StatusNotFound},
	}, s.getAccount)
	httpapi.Register(api, httpapi.Op{
		ID: "get-repayment-schedule", Method: http.MethodGet, Path: "/api/v1/activation/{loanId}/schedule",
		Summary: "Read the repayment schedule of a loan",
		Description: "The schedule as it was signed, and what has been paid of each instalment. " +
			"Borrowers see their own loans only.",
		Tag: tag, Access: httpapi.Bearer(), Errors: []int{http.StatusNotFound},
	}, s.getSchedule)
	s.trancheRoutes(api)
	s.productRoutes(api)
	api.Document(examplesJSON)
}

type applicationInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"The application that was signed"`
}

type loanInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
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

type disbursementBody struct {
	DisbursementID uuid.UUID     `json:"disbursement_id" format:"uuid"`
	Status         string        `json:"status" enum:"INITIATED,COMPLETED,FAILED"`
	Amount         httpapi.Money `json:"amount" doc:"What is paid out: the principal less the charges deducted"`
	Attempts       int           `json:"attempts" doc:"How often the payout was sent to the bank"`
	BankReference  string        `json:"bank_reference,omitempty"`
	Reason         string        `json:"reason,omitempty" doc:"Why the last attempt was refused"`
}

type riskBody struct {
	Bucket            string        `json:"bucket" enum:"CURRENT,DPD_1_30,DPD_31_60,DPD_61_90,DPD_OVER_90" doc:"Of the days past due"`
	Stage             int           `json:"stage,omitempty" doc:"Stage of impairment (IFRS 9); none before the first day that was closed, and of a loan that has ended"`
	Provision         httpapi.Money `json:"provision" doc:"Expected loss in the books"`
	ProvisionedOn     *civil.Date   `json:"provisioned_on,omitempty" format:"date" doc:"When it was measured last"`
	IncomeSuspended   bool          `json:"income_suspended" doc:"Interest is no income until it is paid"`
	SuspendedInterest httpapi.Money `json:"suspended_interest" doc:"Due, and not income yet for that reason"`
	ChargedOffOn      *civil.Date   `json:"charged_off_on,omitempty" format:"date"`
	WrittenOffOn      *civil.Date   `json:"written_off_on,omitempty" format:"date"`
	WrittenOff        partsBody     `json:"written_off"`
	Recovered         partsBody     `json:"recovered" doc:"What came in of what was written off"`
}

func riskBodyOf(r *Risk) *riskBody {
	if r == nil {
		return nil
	}
	return &riskBody{
		Bucket: string(r.Bucket), Stage: r.Stage, Provision: httpapi.MoneyOf(r.Provision), ProvisionedOn: r.ProvisionedOn,
		IncomeSuspended: r.IncomeSuspended, SuspendedInterest: httpapi.MoneyOf(r.SuspendedInterest),
		ChargedOffOn: r.ChargedOffOn, WrittenOffOn: r.WrittenOffOn, WrittenOff: partsOf(r.WrittenOff),
		Recovered: partsOf(r.Recovered),
	}
}

type accountOutput struct {
	Body struct {
		LoanID         uuid.UUID        `json:"loan_id" format:"uuid"`
		ApplicationID  uuid.UUID        `json:"application_id" format:"uuid"`
		CustomerID     uuid.UUID        `json:"customer_id" format:"uuid"`
		Status         string           `json:"status" enum:"PENDING,ACTIVE,REPAID,CLOSED,CANCELLED,WRITTEN_OFF"`
		Principal      httpapi.Money    `json:"principal" doc:"As agreed, all tranches together"`
		Disbursed      httpapi.Money    `json:"disbursed" doc:"What of it is lent, a payout on its way included"`
		Undisbursed    httpapi.Money    `json:"undisbursed" doc:"What of it is still to be lent, by later tranches"`
		NetDisbursed   httpapi.Money    `json:"net_disbursed" doc:"What is lent less the charges deducted"`
		LenderFees     httpapi.Money    `json:"lender_fees" doc:"Charges deducted, kept by the lender"`
		ThirdPartyFees httpapi.Money    `json:"third_party_fees" doc:"Charges deducted, passed on to others"`
		Outstanding    partsBody        `json:"outstanding" doc:"All that is open by the schedule, due or not"`
		Overpaid       httpapi.Money    `json:"overpaid" doc:"Owed to the borrower"`
		ScheduleHash   string           `json:"schedule_hash" doc:"Names the schedule that was signed"`
		Product        *productBody     `json:"product,omitempty" doc:"How the loan is serviced; none if the agreement named none"`
		BusinessDate   civil.Date       `json:"business_date" format:"date"`
		ActivatedOn    civil.Date       `json:"activated_on" format:"date"`
		DisbursedOn    *civil.Date      `json:"disbursed_on,omitempty" format:"date"`
		RepaidOn       *civil.Date      `json:"repaid_on,omitempty" format:"date"`
		ClosedOn       *civil.Date      `json:"closed_on,omitempty" format:"date"`
		DaysPastDue    int              `json:"days_past_due" doc:"Days since the oldest open instalment was due"`
		PastDueSince   *civil.Date      `json:"past_due_since,omitempty" format:"date" doc:"Due date of the oldest instalment that is open and past due"`
		Disbursement   disbursementBody `json:"disbursement" doc:"The payout that was ordered last"`
		Risk           *riskBody        `json:"risk,omitempty" doc:"For staff, finance and the platform"`
	}
}

func accountOf(a Account) *accountOutput {
	out := &accountOutput{}
	b := &out.Body
	b.LoanID, b.ApplicationID, b.CustomerID, b.Status = a.LoanID, a.ApplicationID, a.CustomerID, string(a.Status)
	b.Principal, b.Disbursed = httpapi.MoneyOf(a.Principal), httpapi.MoneyOf(a.Disbursed)
	b.Undisbursed, b.NetDisbursed = httpapi.MoneyOf(a.Undisbursed), httpapi.MoneyOf(a.NetDisbursed)
	b.LenderFees, b.ThirdPartyFees = httpapi.MoneyOf(a.LenderFees), httpapi.MoneyOf(a.ThirdPartyFees)
	b.Outstanding, b.Overpaid = partsOf(a.Outstanding), httpapi.MoneyOf(a.Overpaid)
	b.ScheduleHash, b.BusinessDate, b.ActivatedOn = a.ScheduleHash, a.BusinessDate, a.ActivatedOn
	if a.Product != "" {
		b.Product = &productBody{Code: a.Product, Version: a.ProductVersion}
	}
	b.DisbursedOn, b.RepaidOn, b.ClosedOn, b.DaysPastDue = a.DisbursedOn, a.RepaidOn, a.ClosedOn, a.DaysPastDue
	b.PastDueSince, b.Risk = a.PastDueSince, riskBodyOf(a.Risk)
	b.Disbursement = disbursementBody{
		DisbursementID: a.Disbursement.ID, Status: string(a.Disbursement.Status),
		Amount: httpapi.MoneyOf(a.Disbursement.Amount), Attempts: a.Disbursement.Attempts,
		BankReference: a.Disbursement.BankReference, Reason: a.Disbursement.Reason,
	}
	return out
}

func (s *Service) postTrigger(ctx context.Context, in *applicationInput) (*accountOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Trigger(ctx, httpapi.Actor(ctx), key, in.AppID)
	if err != nil {
		return nil, err
	}
	return accountOf(httpapi.Reply(ctx, result)), nil
}

func (s *Service) postDisburse(ctx context.Context, in *loanInput) (*accountOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Disburse(ctx, httpapi.Actor(ctx), key, in.LoanID)
	if err != nil {
		return nil, err
	}
	return accountOf(httpapi.Reply(ctx, result)), nil
}

func (s *Service) getAccount(ctx context.Context, in *loanInput) (*accountOutput, error) {
	account, err := s.Account(ctx, httpapi.Actor(ctx), in.LoanID)
	if err != nil {
		return nil, err
	}
	return accountOf(account), nil
}
