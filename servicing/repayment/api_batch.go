package repayment

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/groupcommit"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

// batchBytesMax bounds the body of a batch of payments.
const batchBytesMax = 4 << 20

// problemOf says what an error of one payment of several is to a client.
type problemOf func(ctx context.Context, err error) *huma.ErrorModel

func (s *Service) batchRoutes(api *httpapi.API) {
	s.problemOf = func(ctx context.Context, err error) *huma.ErrorModel { return api.ProblemOf(ctx, "make-payments", err) }
	httpapi.Register(api, httpapi.Op{
		ID: "make-payments", Method: http.MethodPost, Path: "/api/v1/payments/batch", Tag: tag,
		Summary: "Post up to 10,000 payments",
		Description: "For partners and the platform. Each payment has its own idempotency key and its own result, in the " +
			"order of the request: what is wrong with one does not hold up the others. A key means the same here and in " +
			"a single payment. Sending the batch again is harmless: what was posted is answered from memory.",
		Access: httpapi.Allow(access.Partner, access.System), BodyBytes: batchBytesMax,
	}, s.makePayments)
}

type batchItem struct {
	Key string `json:"idempotency_key" minLength:"1" maxLength:"255" pattern:"^[ -~]+$" doc:"Names this payment, as the header does for a single one"`
	PaymentFields
}

// batchPaymentsMax is the maxItems of a batch, and keyMax the maxLength of a key.
const (
	batchPaymentsMax = 10_000
	keyMax           = 255
)

func (i *batchItem) fits(blank bool) bool {
	return i.Key != "" && len(i.Key) <= keyMax &&
		!strings.ContainsFunc(i.Key, func(r rune) bool { return r < ' ' || r > '~' }) && i.PaymentFields.fits(blank)
}

type batchRequest struct {
	Payments []batchItem `json:"payments" minItems:"1" maxItems:"10000" nullable:"false"`

	LargeBody httpapi.LargeBody `json:"-"`
}

// Fits tells whether the schema accepts what the body was read from.
func (b *batchRequest) Fits() bool {
	for i := range b.Payments {
		if !b.Payments[i].fits(b.LargeBody.Blank) {
			return false
		}
	}
	return len(b.Payments) >= 1 && len(b.Payments) <= batchPaymentsMax
}

// Large is for httpapi.LargeBody, as is Fits.
func (b *batchRequest) Large() *httpapi.LargeBody { return &b.LargeBody }

type batchInput struct{ Body batchRequest }

type batchResult struct {
	Key     string           `json:"idempotency_key"`
	Status  string           `json:"status" enum:"POSTED,REPLAYED,REJECTED,FAILED" doc:"REPLAYED: posted before, with this answer. FAILED: not decided; send the same payment again"`
	Payment *paymentBody     `json:"payment,omitempty"`
	Problem *huma.ErrorModel `json:"problem,omitempty" doc:"Why it is not posted, as a single payment would be answered"`
}

type batchOutput struct {
	Body struct {
		Posted   int           `json:"posted" doc:"Payments posted by this request"`
		Replayed int           `json:"replayed" doc:"Payments that had been posted before"`
		Rejected int           `json:"rejected" doc:"Payments that were refused or not decided"`
		Results  []batchResult `json:"results" maxItems:"10000" nullable:"false" doc:"In the order of the request"`
	}
}

func (s *Service) makePayments(ctx context.Context, in *batchInput) (*batchOutput, error) {
	payments := make([]KeyedPayment, len(in.Body.Payments))
	for i := range in.Body.Payments {
		item := &in.Body.Payments[i]
		key, err := item.key(item.Key)
		if err != nil {
			return nil, err
		}
		payments[i] = KeyedPayment{Key: key, NewPayment: item.payment()}
	}
	out := &batchOutput{}
	out.Body.Results = make([]batchResult, len(payments))
	for i, r := range s.PayAll(ctx, httpapi.Actor(ctx), payments) {
		result := s.batchResult(ctx, r)
		result.Key = in.Body.Payments[i].Key
		switch result.Status {
		case statusPosted:
			out.Body.Posted++
		case statusReplayed:
			out.Body.Replayed++
		default:
			out.Body.Rejected++
		}
		out.Body.Results[i] = result
	}
	return out, nil
}

const (
	statusPosted   = "POSTED"
	statusReplayed = "REPLAYED"
)

func (s *Service) batchResult(ctx context.Context, r groupcommit.Result[command.Result[Payment]]) batchResult {
	if r.Err != nil {
		problem := s.problemOf(ctx, r.Err)
		if problem.Status >= http.StatusInternalServerError {
			return batchResult{Status: "FAILED", Problem: problem}
		}
		return batchResult{Status: "REJECTED", Problem: problem}
	}
	body := bodyOf(r.Value.Value)
	if r.Value.Replayed {
		return batchResult{Status: statusReplayed, Payment: &body}
	}
	return batchResult{Status: statusPosted, Payment: &body}
}
