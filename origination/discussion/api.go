package discussion

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
)

const tag = "discussion"

var problems = []httpapi.Problem{
	{Err: casefile.ErrNotFound, Status: http.StatusNotFound, Type: "application-not-found", Title: "No such application"},
	{
		Err: casefile.ErrWrongStage, Status: http.StatusConflict, Type: "wrong-stage",
		Title: "The application is at another stage",
	},
	{Err: ErrNoOffer, Status: http.StatusNotFound, Type: "offer-not-found", Title: "No offer has been made"},
	{Err: ErrNotCurrent, Status: http.StatusConflict, Type: "offer-not-current", Title: "Another offer is open"},
	{Err: ErrExpired, Status: http.StatusConflict, Type: "offer-expired", Title: "The offer has expired"},
	{Err: ErrInvalid, Status: http.StatusUnprocessableEntity, Type: "invalid-value", Title: "A value cannot be accepted"},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	conflicts := []int{http.StatusNotFound, http.StatusConflict}
	httpapi.Register(api, httpapi.Op{
		ID: "make-offer", Method: http.MethodPost, Path: "/api/v1/discussion/{appId}/offer",
		Summary: "Make an offer",
		Description: "Answers with the key facts and the whole schedule. The principal may not exceed the amount " +
			"that risk approved. A new offer supersedes the open one. The late fee is that of the version of the loan " +
			"product that is in force, and stays that of the loan: versions that are saved later change nothing of it.",
		Tag: tag, Access: httpapi.Allow(access.Officer), Idempotent: true, Status: http.StatusCreated, Errors: conflicts,
	}, s.postOffer)
	httpapi.Register(api, httpapi.Op{
		ID: "get-offer", Method: http.MethodGet, Path: "/api/v1/discussion/{appId}/offer",
		Summary: "Read the newest offer", Tag: tag, Access: httpapi.Bearer(), Errors: []int{http.StatusNotFound},
	}, s.getOffer)
	httpapi.Register(api, httpapi.Op{
		ID: "accept-offer", Method: http.MethodPost, Path: "/api/v1/discussion/{appId}/accept",
		Summary: "Accept the offer",
		Description: "For the borrower. `offer_id` and `schedule_hash` say what exactly is accepted: an offer that was " +
			"superseded or has expired is 409, another hash is 422.",
		Tag: tag, Access: httpapi.Bearer(), Idempotent: true, Status: http.StatusOK, Errors: conflicts,
	}, s.postAccept)
	httpapi.Register(api, httpapi.Op{
		ID: "decline-offer", Method: http.MethodPost, Path: "/api/v1/discussion/{appId}/decline",
		Summary: "Decline the offer", Description: "For the borrower. It ends the application.",
		Tag: tag, Access: httpapi.Bearer(), Idempotent: true, Status: http.StatusOK, Errors: conflicts,
	}, s.postDecline)
}

type chargeBody struct {
	Name   string        `json:"name" minLength:"1" maxLength:"200" example:"processing fee"`
	Amount httpapi.Money `json:"amount"`
	Party  string        `json:"party" enum:"LENDER,THIRD_PARTY" doc:"Who receives it"`
}

type offerInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"The application"`
	Body  struct {
		Principal         httpapi.Money `json:"principal"`
		AnnualRatePercent string        `json:"annual_rate_percent" pattern:"^[0-9]{1,3}(\\.[0-9]{1,6})?$" maxLength:"10" example:"15" doc:"Nominal annual rate in percent, 0 to 100"`
		Instalments       int           `json:"instalments" minimum:"1" maximum:"600" example:"24" doc:"Monthly instalments"`
		Charges           []chargeBody  `json:"charges,omitempty" maxItems:"20" doc:"Deducted from what is paid out"`
		DisbursementDate  *civil.Date   `json:"disbursement_date,omitempty" format:"date" doc:"Default: the business date"`
		FirstDueDate      *civil.Date   `json:"first_due_date,omitempty" format:"date" doc:"Default: one month after the disbursement"`
		ValidDays         int           `json:"valid_days" minimum:"1" maximum:"90" example:"14" doc:"How many days after the business date it can be accepted"`
	}
}

type keyFactsBody struct {
	Principal              httpapi.Money `json:"principal"`
	NetDisbursed           httpapi.Money `json:"net_disbursed" doc:"What is paid out: the principal less the charges"`
	Instalment             httpapi.Money `json:"instalment"`
	Instalments            int           `json:"instalments" example:"24"`
	AnnualRatePercent      string        `json:"annual_rate_percent" example:"15"`
	TotalInterest          httpapi.Money `json:"total_interest"`
	TotalCharges           httpapi.Money `json:"total_charges"`
	LenderCharges          httpapi.Money `json:"lender_charges"`
	ThirdPartyCharges      httpapi.Money `json:"third_party_charges"`
	TotalPaid              httpapi.Money `json:"total_paid" doc:"The sum of all instalments"`
	APRPercent             string        `json:"apr_percent" example:"17.07" doc:"Annual percentage rate: the internal rate of return per month times twelve"`
	EffectiveAnnualPercent string        `json:"effective_annual_percent" example:"18.47" doc:"The same rate compounded over a year"`
	// LateFee is a contingent charge.
	LateFee *agreedLateFeeBody `json:"late_fee,omitempty" doc:"What a late instalment costs; none if it is left out"`
}

type agreedLateFeeBody struct {
	GraceDays int            `json:"grace_days" example:"3" doc:"Days after the due date without a fee"`
	Tolerance *httpapi.Money `json:"tolerance,omitempty" doc:"How much may be overdue without a fee"`
	Amount    *httpapi.Money `json:"amount,omitempty" doc:"The fee, if it is not in percent"`
	Percent   string         `json:"percent,omitempty" example:"2.5" doc:"Of the overdue principal and interest"`
	EveryDays int            `json:"every_days" doc:"It is charged again after so many days, up to the cap; 0: once an instalment"`
	Cap       *httpapi.Money `json:"cap,omitempty" doc:"The most for one instalment"`
}

func lateFeeOf(f event.LateFee) *agreedLateFeeBody {
	if f == (event.LateFee{}) {
		return nil
	}
	amount := func(a money.Amount) *httpapi.Money {
		if a.IsZero() {
			return nil
		}
		m := httpapi.MoneyOf(a)
		return &m
	}
	return &agreedLateFeeBody{
		GraceDays: f.GraceDays, Tolerance: amount(f.Tolerance), Amount: amount(f.Amount), Percent: f.Percent,
		EveryDays: f.EveryDays, Cap: amount(f.Cap),
	}
}

type instalmentBody struct {
	Number    int           `json:"number" example:"1"`
	DueDate   civil.Date    `json:"due_date" format:"date"`
	Principal httpapi.Money `json:"principal"`
	Interest  httpapi.Money `json:"interest"`
	Fees      httpapi.Money `json:"fees"`
	Total     httpapi.Money `json:"total"`
	Balance   httpapi.Money `json:"balance" doc:"Principal outstanding after payment"`
}

type offerBody struct {
	ID               uuid.UUID        `json:"id" format:"uuid"`
	ApplicationID    uuid.UUID        `json:"application_id" format:"uuid"`
	Version          int              `json:"version" example:"1" doc:"Counts the offers of an application"`
	ProductVersion   *int64           `json:"product_version,omitempty" example:"1" doc:"Version of the loan product by which the loan will be serviced; 0 is built in"`
	Status           string           `json:"status" enum:"OPEN,SUPERSEDED,ACCEPTED,DECLINED,EXPIRED"`
	ValidUntil       civil.Date       `json:"valid_until" format:"date" doc:"Last business date on which it can be accepted"`
	DisbursementDate civil.Date       `json:"disbursement_date" format:"date"`
	ScheduleHash     string           `json:"schedule_hash" doc:"Names the schedule; send it back to accept"`
	KeyFacts         keyFactsBody     `json:"key_facts"`
	Charges          []chargeBody     `json:"charges"`
	Schedule         []instalmentBody `json:"schedule"`
	OfficerID        uuid.UUID        `json:"officer_id" format:"uuid"`
	MadeAt           time.Time        `json:"made_at"`
	ClosedAt         *time.Time       `json:"closed_at,omitempty" doc:"When it was accepted, declined, superseded or expired"`
}

type offerOutput struct {
	Body offerBody
}

func outputOf(o Offer) *offerOutput {
	terms, facts := o.Schedule.Terms, o.KeyFacts
	body := offerBody{
		ID: o.ID, ApplicationID: o.ApplicationID, Version: o.Version, Status: string(o.Status),
		ProductVersion: o.ProductVersion,
		ValidUntil:     o.ValidUntil, DisbursementDate: terms.DisbursementDate, ScheduleHash: o.ScheduleHash,
		KeyFacts: keyFactsBody{
			Principal: httpapi.MoneyOf(facts.Principal), NetDisbursed: httpapi.MoneyOf(facts.NetDisbursed),
			Instalment: httpapi.MoneyOf(facts.Instalment), Instalments: facts.Instalments,
			AnnualRatePercent: terms.AnnualRatePercent.String(),
			TotalInterest:     httpapi.MoneyOf(facts.TotalInterest), TotalCharges: httpapi.MoneyOf(facts.TotalCharges),
			LenderCharges:          httpapi.MoneyOf(facts.LenderCharges),
			ThirdPartyCharges:      httpapi.MoneyOf(facts.ThirdPartyCharges),
			TotalPaid:              httpapi.MoneyOf(facts.TotalPaid),
			APRPercent:             facts.APRPercent.Fixed(2),
			EffectiveAnnualPercent: facts.EffectiveAnnualPercent.Fixed(2),
			LateFee:                lateFeeOf(o.LateFee),
		},
		Charges: make([]chargeBody, len(terms.Fees)), Schedule: make([]instalmentBody, o.Schedule.Len()),
		OfficerID: o.OfficerID, MadeAt: o.MadeAt, ClosedAt: o.ClosedAt,
	}
	for i, fee := range terms.Fees {
		body.Charges[i] = chargeBody{Name: fee.Name, Amount: httpapi.MoneyOf(fee.Amount), Party: string(partyOf(fee.Payee))}
	}
	for i, row := range o.Schedule.All() {
		body.Schedule[i] = instalmentBody{
			Number: row.Number, DueDate: row.Due, Principal: httpapi.MoneyOf(row.Principal),
			Interest: httpapi.MoneyOf(row.Interest), Fees: httpapi.MoneyOf(row.Fees), Total: httpapi.MoneyOf(row.Total),
			Balance: httpapi.MoneyOf(row.Closing),
		}
	}
	return &offerOutput{Body: body}
}

func partyOf(payee amortization.Payee) Party {
	if payee == amortization.ThirdParty {
		return PartyThirdParty
	}
	return PartyLender
}

func (in *offerInput) proposal() (Proposal, error) {
	rate, err := amortization.ParseDecimal(in.Body.AnnualRatePercent)
	if err != nil {
		return Proposal{}, &FieldError{"annual_rate_percent", fmt.Sprint(err)}
	}
	p := Proposal{
		Principal: in.Body.Principal.Value(), AnnualRatePercent: rate, Instalments: in.Body.Instalments,
		ValidDays: in.Body.ValidDays,
	}
	if in.Body.DisbursementDate != nil {
		p.DisbursementDate = *in.Body.DisbursementDate
	}
	if in.Body.FirstDueDate != nil {
		p.FirstDueDate = *in.Body.FirstDueDate
	}
	for _, c := range in.Body.Charges {
		p.Charges = append(p.Charges, Charge{Name: c.Name, Amount: c.Amount.Value(), Party: Party(c.Party)})
	}
	return p, nil
}

func (s *Service) postOffer(ctx context.Context, in *offerInput) (*offerOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	p, err := in.proposal()
	if err != nil {
		return nil, err
	}
	result, err := s.MakeOffer(ctx, httpapi.Actor(ctx), key, in.AppID, p)
	if err != nil {
		return nil, err
	}
	return outputOf(httpapi.Reply(ctx, result)), nil
}

type caseInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"The application"`
}

func (s *Service) getOffer(ctx context.Context, in *caseInput) (*offerOutput, error) {
	o, err := s.FindOffer(ctx, httpapi.Actor(ctx), in.AppID)
	if err != nil {
		return nil, err
	}
	return outputOf(o), nil
}

type acceptInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"The application"`
	Body  struct {
		OfferID      uuid.UUID `json:"offer_id" format:"uuid"`
		ScheduleHash string    `json:"schedule_hash" pattern:"^[0-9a-f]{64}$" doc:"As read with the offer"`
	}
}

func (s *Service) postAccept(ctx context.Context, in *acceptInput) (*offerOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Accept(ctx, httpapi.Actor(ctx), key, in.AppID, in.Body.OfferID, in.Body.ScheduleHash)
	if err != nil {
		return nil, err
	}
	return outputOf(httpapi.Reply(ctx, result)), nil
}

type declineInput struct {
	AppID uuid.UUID `path:"appId" format:"uuid" doc:"The application"`
	Body  struct {
		OfferID *uuid.UUID `json:"offer_id,omitempty" format:"uuid" doc:"Default: the offer that is open"`
		Reason  string     `json:"reason" enum:"RATE_TOO_HIGH,CHARGES_TOO_HIGH,AMOUNT_TOO_LOW,TERM_UNSUITABLE,FOUND_BETTER_OFFER,NO_LONGER_NEEDED,OTHER"`
	}
}

func (s *Service) postDecline(ctx context.Context, in *declineInput) (*offerOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	offerID := uuid.Nil
	if in.Body.OfferID != nil {
		offerID = *in.Body.OfferID
	}
	result, err := s.Decline(ctx, httpapi.Actor(ctx), key, in.AppID, offerID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return outputOf(httpapi.Reply(ctx, result)), nil
}
