package repayment

import (
	"context"
	"net/http"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/servicing"
)

func (s *Service) prepaymentRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "quote-prepayment", Method: http.MethodGet, Path: "/api/v1/payments/{loanId}/prepayment", Tag: tag,
		Summary: "Quote what a prepayment would do",
		Description: "What an amount paid on a day would do to the plan: as PREPAY_TERM the loan ends earlier, as " +
			"PREPAY_INSTALMENT its instalments become smaller. Nothing is changed. Borrowers see their own loans only.",
		Access: httpapi.Bearer(), Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.quotePrepayment)
}

type prepaymentInput struct {
	LoanID uuid.UUID  `path:"loanId" format:"uuid" doc:"The loan"`
	Amount string     `query:"amount" required:"true" pattern:"^[0-9]{1,18}(\\.[0-9]{1,4})?$" maxLength:"24" example:"5000.00" doc:"Decimal number in the currency of the loan"`
	Date   civil.Date `query:"date" format:"date" doc:"The day, at most 366 days after the business date, which is the default"`
}

type prepaymentBody struct {
	Kind                 string        `json:"kind" enum:"PREPAY_TERM,PREPAY_INSTALMENT" doc:"The kind of payment that does it"`
	Due                  httpapi.Money `json:"due" doc:"What of the amount pays what is due"`
	Principal            httpapi.Money `json:"principal" doc:"What is prepaid"`
	InterestDifference   httpapi.Money `json:"interest_difference" doc:"The interest of the plan after it less that before"`
	Instalments          int           `json:"instalments_difference" doc:"The number of instalments after it less that before"`
	MaturityBefore       civil.Date    `json:"maturity_before" format:"date"`
	MaturityAfter        civil.Date    `json:"maturity_after" format:"date"`
	NextInstalmentBefore httpapi.Money `json:"next_instalment_before"`
	NextInstalmentAfter  httpapi.Money `json:"next_instalment_after"`
}

type prepaymentOutput struct {
	Body struct {
		LoanID uuid.UUID        `json:"loan_id" format:"uuid"`
		Date   civil.Date       `json:"date" format:"date"`
		Amount httpapi.Money    `json:"amount"`
		Quotes []prepaymentBody `json:"quotes" maxItems:"2" nullable:"false" doc:"The two ways"`
	}
}

func (s *Service) quotePrepayment(ctx context.Context, in *prepaymentInput) (*prepaymentOutput, error) {
	quote, err := s.PrepaymentQuote(ctx, httpapi.Actor(ctx), in.LoanID, in.Amount, in.Date)
	if err != nil {
		return nil, planFault(err)
	}
	out := &prepaymentOutput{}
	b := &out.Body
	b.LoanID, b.Date, b.Amount = quote.LoanID, quote.On, httpapi.MoneyOf(quote.Amount)
	b.Quotes = make([]prepaymentBody, len(quote.Ways))
	for i := range quote.Ways {
		b.Quotes[i] = prepaymentOf(&quote.Ways[i])
	}
	return out, nil
}

func prepaymentOf(p *servicing.Prepayment) prepaymentBody {
	d := &p.Difference
	return prepaymentBody{
		Kind: string(p.Kind), Due: httpapi.MoneyOf(p.Due), Principal: httpapi.MoneyOf(p.Principal),
		InterestDifference: httpapi.MoneyOf(d.Interest), Instalments: d.Instalments, MaturityBefore: d.MaturityBefore,
		MaturityAfter: d.MaturityAfter, NextInstalmentBefore: httpapi.MoneyOf(d.NextInstalmentBefore),
		NextInstalmentAfter: httpapi.MoneyOf(d.NextInstalmentAfter),
	}
}
