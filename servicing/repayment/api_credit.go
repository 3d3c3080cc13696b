package repayment

import (
	"context"
	"net/http"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/servicing"
)

// channelCredit is how a credit comes in: by no channel of payments.
const channelCredit = "OTHER"

func (s *Service) creditRoutes(api *httpapi.API) {
	op := orderOp("credit-loan", "credits", "Credit something to a loan",
		"What stands for a payment of the borrower: goodwill, interest or a charge given back, the merchant's refund, a "+
			"payout given back, a down payment, a transfer from another account with the lender. It is allocated as a "+
			"NORMAL payment is, booked as what it is, listed with the payments, and reversed as one.", forManagers)
	op.Status = http.StatusCreated
	httpapi.Register(api, op, s.creditLoan)
}

type creditInput struct {
	LoanID uuid.UUID `path:"loanId" format:"uuid" doc:"The loan"`
	Body   struct {
		Kind      string        `json:"kind" enum:"GOODWILL_CREDIT,INTEREST_REFUND,FEE_ADJUSTMENT,PENALTY_ADJUSTMENT,MERCHANT_REFUND,PAYOUT_REFUND,DOWN_PAYMENT,TRANSFER"`
		Amount    httpapi.Money `json:"amount" doc:"Above zero, in the currency of the loan"`
		ValueDate *civil.Date   `json:"value_date,omitempty" format:"date" doc:"From when it counts; default: the business date"`
		Reference string        `json:"reference,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9 ._/#:-]*$"`
		Reason    string        `json:"reason" minLength:"1" maxLength:"500"`
	}
}

func (s *Service) creditLoan(ctx context.Context, in *creditInput) (*paymentOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	b := &in.Body
	credit := NewCredit{Reason: b.Reason, NewPayment: NewPayment{
		LoanID: in.LoanID, Amount: b.Amount.Value(), Kind: servicing.PaymentKind(b.Kind), Channel: channelCredit,
		Reference: b.Reference,
	}}
	if b.ValueDate != nil {
		credit.ValueDate = *b.ValueDate
	}
	result, err := s.Credit(ctx, httpapi.Actor(ctx), key, credit)
	if err != nil {
		return nil, err
	}
	return outputOf(httpapi.Reply(ctx, result)), nil
}
