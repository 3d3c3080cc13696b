package repayment

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/groupcommit"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/upload"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

const (
	tag       = "repayment"
	pathProof = "/api/v1/payments/{payId}/proof"
)

var problems = []httpapi.Problem{
	{Err: ErrLoanNotFound, Status: http.StatusNotFound, Type: "loan-not-found", Title: "No such loan"},
	{Err: ErrNotFound, Status: http.StatusNotFound, Type: "payment-not-found", Title: "No such payment"},
	{Err: ErrNotPayer, Status: http.StatusForbidden, Type: "not-a-payer", Title: "This role makes no payments"},
	{
		Err: ErrTooMany, Status: http.StatusConflict, Type: "too-many-payments",
		Title: "Too many payments of the loan wait for verification",
	},
	{Err: ErrDecided, Status: http.StatusConflict, Type: "payment-decided", Title: "The payment is decided"},
	{
		Err: ErrProof, Status: http.StatusConflict, Type: "payment-proof",
		Title: "The step does not fit the proof of the payment",
	},
	{Err: servicing.ErrNotActive, Status: http.StatusConflict, Type: "loan-not-active", Title: "The loan is not active"},
	{
		Err: servicing.ErrPayoffShort, Status: http.StatusConflict, Type: "payoff-short",
		Title: "The amount does not pay the loan off",
	},
	{Err: servicing.ErrQuoteVoid, Status: http.StatusConflict, Type: "quote-void", Title: "The quote is not valid"},
	{
		Err: servicing.ErrAlreadyReversed, Status: http.StatusConflict, Type: "already-reversed",
		Title: "It was reversed before",
	},
	{Err: servicing.ErrNotReversible, Status: http.StatusConflict, Type: "not-reversible", Title: "It cannot be reversed"},
	{
		Err: servicing.ErrConflict, Status: http.StatusConflict, Type: "contradicts-later",
		Title: "It contradicts what happened later",
	},
	{
		Err: servicing.ErrWrongState, Status: http.StatusConflict, Type: "wrong-state",
		Title: "The step does not fit the state of the loan",
	},
	{
		Err: loandb.ErrPeriodClosed, Status: http.StatusConflict, Type: "period-closed",
		Title: "The accounting period of the business date is closed",
	},
	{
		Err: servicing.ErrOutstanding, Status: http.StatusConflict, Type: "loan-outstanding",
		Title: "Something is still owed",
	},
	{
		Err: groupcommit.ErrQueueFull, Status: http.StatusServiceUnavailable, Type: "busy",
		Title: "Too many payments are waiting",
	},
	{
		Err: groupcommit.ErrClosed, Status: http.StatusServiceUnavailable, Type: "stopping",
		Title: "The service is stopping",
	},
	{
		Err: groupcommit.ErrAbandoned, Status: http.StatusServiceUnavailable, Type: "outcome-unknown",
		Title: "The outcome is unknown; send the same request with the same key again",
	},
	{
		Err: servicing.ErrInvalid, Status: http.StatusUnprocessableEntity, Type: "invalid-value",
		Title: "A value cannot be accepted",
	},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	api.Problems(upload.Problems()...)
	s.paymentRoutes(api)
	s.batchRoutes(api)
	s.orderRoutes(api)
	s.loanRoutes(api)
	s.statementRoutes(api)
	s.creditRoutes(api)
	s.prepaymentRoutes(api)
}

func (s *Service) paymentRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "make-payment", Method: http.MethodPost, Path: "/api/v1/payments", Tag: tag,
		Summary: "Pay a loan",
		Description: "Partners and the platform post a payment at once. The borrower declares one: it is booked when an " +
			"officer has verified the proof. A NORMAL payment covers instalments, the oldest first; what is left after the " +
			"last one is owed to the borrower. A PAYOFF closes the loan if it is at least the payoff of its value date.",
		Access: httpapi.Bearer(), Idempotent: true, Status: http.StatusCreated,
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.makePayment)
	httpapi.Register(api, httpapi.Op{
		ID: "prove-payment", Method: http.MethodPost, Path: pathProof, Tag: tag, Access: httpapi.Bearer(),
		Idempotent: true, BodyBytes: upload.FormBytesMax,
		Summary: "Give the proof of a declared payment",
		Description: "The borrower sends one file: a PDF, JPEG or PNG of at most 10 MiB. The type is told by the content; " +
			"PDFs with scripts, actions, other files or encryption are refused.",
		Errors: []int{
			http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType,
		},
	}, s.provePayment)
	upload.Describe(api, pathProof)
	httpapi.Register(api, httpapi.Op{
		ID: "read-payment-proof", Method: http.MethodGet, Path: pathProof, Tag: tag, Access: httpapi.Bearer(),
		Summary: "Download the proof of a payment", Description: "For the borrower and for staff.",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.readProof)
	upload.DescribeDownload(api, pathProof, upload.PDF, upload.JPEG, upload.PNG)
	httpapi.Register(api, httpapi.Op{
		ID: "verify-payment", Method: http.MethodPost, Path: "/api/v1/payments/{payId}/verify", Tag: tag,
		Summary:     "Verify a declared payment",
		Description: "APPROVE books a payment whose proof was given, with its own value date. REJECT needs a reason.",
		Access:      httpapi.Allow(access.Officer), Idempotent: true,
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.verifyPayment)
}

func (s *Service) loanRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "list-payments", Method: http.MethodGet, Path: "/api/v1/payments/{loanId}/history", Tag: tag,
		Summary: "List the payments of a loan", Description: "Newest first. Borrowers see their own loans only.",
		Access: httpapi.Bearer(), Errors: []int{http.StatusNotFound},
	}, s.listHistory)
	httpapi.Register(api, httpapi.Op{
		ID: "get-outstanding", Method: http.MethodGet, Path: "/api/v1/payments/{loanId}/outstanding", Tag: tag,
		Summary:     "Read what a loan owes",
		Description: "By component: all that is open, what is due now, what is next, and what pays the loan off today.",
		Access:      httpapi.Bearer(), Errors: []int{http.StatusNotFound},
	}, s.getOutstanding)
	httpapi.Register(api, httpapi.Op{
		ID: "quote-payoff", Method: http.MethodGet, Path: "/api/v1/payments/{loanId}/payoff", Tag: tag,
		Summary: "Quote the payoff of a loan",
		Description: "What closes the loan on a day: the principal, the interest earned by then, and what else is due. " +
			"Interest that was paid in advance and is not earned is credited.",
		Access: httpapi.Bearer(), Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.quotePayoff)
	httpapi.Register(api, httpapi.Op{
		ID: "close-loan", Method: http.MethodPost, Path: "/api/v1/loans/{loanId}/close", Tag: tag,
		Summary: "Close a repaid loan",
		Description: "The platform closes a loan with its last payment; asking again is harmless. While anything is owed: " +
			"409 with the amount.",
		Access: httpapi.Allow(access.System), Idempotent: true,
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.closeLoan)
}

// PaymentFields are what a payer says.
type PaymentFields struct {
	LoanID    uuid.UUID     `json:"loan_id" format:"uuid" doc:"The loan that is paid"`
	Amount    httpapi.Money `json:"amount" doc:"Above zero, in the currency of the loan"`
	Kind      string        `json:"kind,omitempty" enum:"NORMAL,PAYOFF,PREPAY_TERM,PREPAY_INSTALMENT,RECOVERY" default:"NORMAL" doc:"PAYOFF closes the loan; PREPAY_TERM pays what is due and then principal, so that the loan ends earlier, and PREPAY_INSTALMENT so that its instalments become smaller. A NORMAL payment of a loan that was written off is a RECOVERY"`
	QuoteID   *uuid.UUID    `json:"quote_id,omitempty" format:"uuid" doc:"The payoff quote that a PAYOFF answers"`
	ValueDate *civil.Date   `json:"value_date,omitempty" format:"date" doc:"From when the money counts: from the disbursement to the business date, which is the default"`
	Channel   string        `json:"channel" enum:"BANK_TRANSFER,UPI,CARD,CASH,DIRECT_DEBIT,OTHER" doc:"How it was paid"`
	Reference string        `json:"reference,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9 ._/#:-]*$" example:"UTR 412345678901" doc:"The payer's or the bank's reference"`
}

// key binds an idempotency key to the payment: to the same request whether it
// comes alone or in a batch.
func (f *PaymentFields) key(value string) (command.Key, error) { return command.NewKey(value, f) }

func (f *PaymentFields) payment() NewPayment {
	p := NewPayment{
		LoanID: f.LoanID, Amount: f.Amount.Value(), Kind: servicing.PaymentKind(f.Kind), Channel: f.Channel,
		Reference: f.Reference,
	}
	if f.ValueDate != nil {
		p.ValueDate = *f.ValueDate
	}
	if f.QuoteID != nil {
		p.QuoteID = *f.QuoteID
	}
	return p
}

// channels, kinds and reference repeat what the schema of PaymentFields says.
var (
	channels = []string{"BANK_TRANSFER", "UPI", "CARD", "CASH", "DIRECT_DEBIT", "OTHER"}
	kinds    = []string{"NORMAL", "PAYOFF", "PREPAY_TERM", "PREPAY_INSTALMENT", "RECOVERY"}
)

const (
	referenceMax   = 64
	referenceRunes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._/#:-"
)

// fits tells whether the schema accepts what the fields were read from; blank says
// that an empty text was among it.
func (f *PaymentFields) fits(blank bool) bool {
	return f.LoanID != uuid.Nil && f.Amount.WellFormed() && slices.Contains(channels, f.Channel) &&
		(slices.Contains(kinds, f.Kind) || (f.Kind == "" && !blank)) &&
		(f.ValueDate == nil || f.ValueDate.IsValid()) &&
		len(f.Reference) <= referenceMax && strings.Trim(f.Reference, referenceRunes) == ""
}

type paymentRequest struct {
	PaymentFields

	LargeBody httpapi.LargeBody `json:"-"`
}

// Fits tells whether the schema accepts what the body was read from.
func (b *paymentRequest) Fits() bool { return b.fits(b.LargeBody.Blank) }

// Large is for httpapi.LargeBody, as is Fits.
func (b *paymentRequest) Large() *httpapi.LargeBody { return &b.LargeBody }

type paymentInput struct{ Body paymentRequest }

type proofBody struct {
	ContentType string `json:"content_type" example:"application/pdf"`
	Size        int64  `json:"size" doc:"Length in bytes"`
	SHA256      string `json:"sha256" doc:"SHA-256 of the content, in hex"`
}

func (s *Service) makePayment(ctx context.Context, in *paymentInput) (*paymentOutput, error) {
	key, err := in.Body.key(httpapi.KeyValue(ctx))
	if err != nil {
		return nil, err
	}
	result, err := s.Pay(ctx, httpapi.Actor(ctx), key, in.Body.payment())
	if err != nil {
		return nil, err
	}
	return outputOf(httpapi.Reply(ctx, result)), nil
}

type paymentIDInput struct {
	PayID uuid.UUID `path:"payId" format:"uuid" doc:"The payment"`
}

type proofInput struct {
	PayID uuid.UUID `path:"payId" format:"uuid" doc:"The payment"`
	upload.Input
}

func (s *Service) provePayment(ctx context.Context, in *proofInput) (*paymentOutput, error) {
	form, err := in.Open()
	if err != nil {
		return nil, err
	}
	key, err := httpapi.Key(ctx, nil) // the service binds it to the content
	if err != nil {
		return nil, err
	}
	result, err := s.Prove(ctx, httpapi.Actor(ctx), key, in.PayID, form)
	if err != nil {
		return nil, err
	}
	return outputOf(httpapi.Reply(ctx, result)), nil
}

func (s *Service) readProof(ctx context.Context, in *paymentIDInput) (*huma.StreamResponse, error) {
	download, err := s.ReadProof(ctx, httpapi.Actor(ctx), in.PayID)
	if err != nil {
		return nil, err
	}
	return upload.Send(download)
}

type verifyInput struct {
	PayID uuid.UUID `path:"payId" format:"uuid" doc:"The payment"`
	Body  struct {
		Decision string `json:"decision" enum:"APPROVE,REJECT"`
		Reason   string `json:"reason,omitempty" maxLength:"500" doc:"For the borrower; required with REJECT"`
	}
}

func (s *Service) verifyPayment(ctx context.Context, in *verifyInput) (*paymentOutput, error) {
	approve := in.Body.Decision == "APPROVE"
	if !approve && in.Body.Reason == "" {
		return nil, &servicing.InvalidError{Field: "reason", Reason: "is required with REJECT"}
	}
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Verify(ctx, httpapi.Actor(ctx), key, in.PayID, approve, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return outputOf(httpapi.Reply(ctx, result)), nil
}
