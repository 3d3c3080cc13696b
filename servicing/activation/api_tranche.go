package activation

import (
	"context"
	"net/http"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/servicing"
)

func (s *Service) trancheRoutes(api *httpapi.API) {
	api.Problems(
		httpapi.Problem{
			Err: servicing.ErrWrongState, Status: http.StatusConflict, Type: "wrong-state",
			Title: "The step does not fit the state of the loan",
		},
		httpapi.Problem{
			Err: servicing.ErrNotActive, Status: http.StatusConflict, Type: "loan-not-active",
			Title: "The loan is not active",
		})
	httpapi.Register(api, httpapi.Op{
		ID: "disburse-tranche", Method: http.MethodPost, Path: "/api/v1/activation/{loanId}/tranches",
		Summary: "Order the payout of the next tranche of a loan",
		Description: "Of a loan that is paid out in several tranches: the next one is lent from the business date and paid " +
			"out. While a payout is on its way, or when none is left: 409.",
		Tag: tag, Access: httpapi.Allow(access.Manager, access.CreditHead, access.System), Idempotent: true,
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.postTranche)
}

func (s *Service) postTranche(ctx context.Context, in *loanInput) (*accountOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.OrderTranche(ctx, httpapi.Actor(ctx), key, in.LoanID)
	if err != nil {
		return nil, err
	}
	return accountOf(httpapi.Reply(ctx, result)), nil
}
