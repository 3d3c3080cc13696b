package agreement

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/upload"
)

const (
	tag          = "agreement"
	pathOne      = "/api/v1/agreement/{appId}"
	pathGenerate = pathOne + "/generate"
	pathCode     = pathOne + "/esign/code"
	pathSign     = pathOne + "/esign"
	pathUpload   = pathOne + "/upload"
	pathReview   = pathOne + "/review"
	pathDocument = pathOne + "/document"
)

var problems = []httpapi.Problem{
	{Err: ErrNotFound, Status: http.StatusNotFound, Type: "agreement-not-found", Title: "There is no agreement yet"},
	{Err: ErrState, Status: http.StatusConflict, Type: "wrong-state", Title: "The agreement is at another state"},
	{
		Err: ErrTerms, Status: http.StatusConflict, Type: "terms-differ",
		Title: "The schedule differs from the one agreed on",
	},
	{
		Err: ErrCodeWrong, Status: http.StatusUnprocessableEntity, Type: "signing-code-wrong",
		Title: "The signing code is not right",
	},
	{Err: ErrCodeVoid, Status: http.StatusConflict, Type: "signing-code-void", Title: "There is no valid signing code"},
	{
		Err: ErrTooManyCodes, Status: http.StatusTooManyRequests, Type: "too-many-codes",
		Title: "Too many signing codes were requested",
	},
	{
		Err: ErrTooManyCopies, Status: http.StatusConflict, Type: "too-many-copies",
		Title: "Too many signed copies were sent in",
	},
	{
		Err: ErrReason, Status: http.StatusUnprocessableEntity, Type: "validation",
		Title: "The request does not fit its schema",
	},
	{Err: casefile.ErrNotFound, Status: http.StatusNotFound, Type: "application-not-found", Title: "No such application"},
	{
		Err: casefile.ErrWrongStage, Status: http.StatusConflict, Type: "wrong-stage",
		Title: "The application is at another stage",
	},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(append(upload.Problems(), problems...)...)
	httpapi.Register(api, httpapi.Op{
		ID: "generate-agreement", Method: http.MethodPost, Path: pathGenerate, Tag: tag,
		Access: httpapi.Allow(access.System), Idempotent: true, Summary: "Make the agreement",
		Description: "The platform does this by itself when the last approval is given; calling it again gives the same " +
			"agreement. The repayment schedule is computed again and must have the hash of the accepted offer.",
		Errors: []int{http.StatusNotFound},
	}, s.generateOp)
	httpapi.Register(api, httpapi.Op{
		ID: "get-agreement", Method: http.MethodGet, Path: pathOne, Tag: tag, Access: httpapi.Bearer(),
		Summary: "Read the state of an agreement", Description: "For the borrower and for staff.",
		Errors: []int{http.StatusNotFound},
	}, s.getOp)
	httpapi.Register(api, httpapi.Op{
		ID: "read-agreement-document", Method: http.MethodGet, Path: pathDocument, Tag: tag, Access: httpapi.Bearer(),
		Summary: "Download the agreement",
		Description: "The PDF as it stands: as presented, the copy under review, or the signed one. An electronically " +
			"signed PDF can be checked with any PDF reader or with `pdfsig`.",
		Errors: []int{http.StatusNotFound},
	}, s.documentOp)
	upload.DescribeDownload(api, pathDocument, upload.PDF)
	s.signingRoutes(api)
}

func (s *Service) signingRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "issue-signing-code", Method: http.MethodPost, Path: pathCode, Tag: tag, Access: httpapi.Bearer(),
		Idempotent: true, Status: http.StatusAccepted, Summary: "Have a signing code sent",
		Description: "For the borrower: a code of six digits arrives by the channels that the borrower prefers. It voids " +
			"the code before; at most five are sent within an hour.",
		Errors: []int{http.StatusNotFound, http.StatusTooManyRequests},
	}, s.codeOp)
	httpapi.Register(api, httpapi.Op{
		ID: "esign-agreement", Method: http.MethodPost, Path: pathSign, Tag: tag, Access: httpapi.Bearer(),
		Idempotent: true, Summary: "Sign the agreement electronically",
		Description: "For the borrower: with the code that was sent, the borrower consents to the document as presented; " +
			"the lender seals it with its electronic signature. A code can be tried five times; use a new " +
			"idempotency key for each code.",
		Errors: []int{http.StatusNotFound},
	}, s.signOp)
	httpapi.Register(api, httpapi.Op{
		ID: "upload-signed-agreement", Method: http.MethodPost, Path: pathUpload, Tag: tag, Access: httpapi.Bearer(),
		Idempotent: true, BodyBytes: upload.FormBytesMax, Summary: "Send in a copy signed by hand",
		Description: "For the borrower, instead of signing electronically: a scan as PDF of at most 10 MiB. An officer " +
			"reviews it.",
		Errors: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, s.uploadOp)
	upload.Describe(api, pathUpload)
	httpapi.Register(api, httpapi.Op{
		ID: "review-signed-agreement", Method: http.MethodPost, Path: pathReview, Tag: tag,
		Access: httpapi.Allow(access.Officer), Idempotent: true, Summary: "Decide on a copy signed by hand",
		Description: "Approved, the agreement is signed. Rejected, the borrower is told the reason and may sign again.",
		Errors:      []int{http.StatusNotFound},
	}, s.reviewOp)
}

type agreementBody struct {
	ID            uuid.UUID     `json:"id" format:"uuid" doc:"Names the agreement."`
	ApplicationID uuid.UUID     `json:"application_id" format:"uuid" doc:"The application that it concludes."`
	OfferID       uuid.UUID     `json:"offer_id" format:"uuid" doc:"The offer that the borrower accepted."`
	Status        Status        `json:"status" enum:"GENERATED,UNDER_REVIEW,SIGNED" doc:"GENERATED waits for the borrower, UNDER_REVIEW for an officer."`
	Principal     httpapi.Money `json:"principal" doc:"Amount of the loan."`
	Instalment    httpapi.Money `json:"instalment" doc:"Amount of an instalment."`
	APRPercent    string        `json:"apr_percent" example:"17.07" doc:"Annual percentage rate."`
	ScheduleHash  string        `json:"schedule_hash" doc:"SHA-256 that names the repayment schedule, in hex; signing repeats it."`
	SHA256        string        `json:"sha256" doc:"SHA-256 of the PDF as presented, in hex."`
	GeneratedAt   time.Time     `json:"generated_at" doc:"When it was made."`
	Method        string        `json:"method,omitempty" enum:"ESIGN,UPLOAD" doc:"How it was signed."`
	SignedSHA256  string        `json:"signed_sha256,omitempty" doc:"SHA-256 of the signed PDF, in hex."`
	SignedAt      *time.Time    `json:"signed_at,omitempty" doc:"When it was signed, or the signed copy approved."`
	Certificate   string        `json:"certificate_sha256,omitempty" doc:"Fingerprint of the certificate that signed it: SHA-256 in hex."`
	Returned      string        `json:"returned_reason,omitempty" doc:"Why the last signed copy was not accepted."`
}

type agreementOutput struct {
	Body agreementBody
}

func output(v View) *agreementOutput {
	return &agreementOutput{Body: agreementBody{
		ID: v.ID, ApplicationID: v.ApplicationID, OfferID: v.OfferID, Status: v.Status,
		Principal: httpapi.MoneyOf(v.Principal), Instalment: httpapi.MoneyOf(v.Instalment), APRPercent: v.APRPercent,
		ScheduleHash: v.ScheduleHash, SHA256: v.SHA256, GeneratedAt: v.GeneratedAt.UTC(), Method: v.Method,
		SignedSHA256: v.SignedSHA256, SignedAt: v.SignedAt, Certificate: v.Certificate, Returned: v.Returned,
	}}
}

type applicationInput struct {
	ApplicationID uuid.UUID `path:"appId" format:"uuid" doc:"The application."`
}

func (s *Service) generateOp(ctx context.Context, in *applicationInput) (*agreementOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Generate(ctx, httpapi.Actor(ctx), key, in.ApplicationID)
	if err != nil {
		return nil, err
	}
	return output(httpapi.Reply(ctx, result)), nil
}

func (s *Service) getOp(ctx context.Context, in *applicationInput) (*agreementOutput, error) {
	view, err := s.Get(ctx, httpapi.Actor(ctx), in.ApplicationID)
	if err != nil {
		return nil, err
	}
	return output(view), nil
}

type documentInput struct {
	ApplicationID uuid.UUID `path:"appId" format:"uuid" doc:"The application."`
	Version       string    `query:"version" enum:"current,original" default:"current" doc:"original is the PDF as it was presented to the borrower."`
}

func (s *Service) documentOp(ctx context.Context, in *documentInput) (*huma.StreamResponse, error) {
	download, err := s.Read(ctx, httpapi.Actor(ctx), in.ApplicationID, in.Version == "original")
	if err != nil {
		return nil, err
	}
	return upload.Send(download)
}

type codeOutput struct {
	Body struct {
		ExpiresAt time.Time `json:"expires_at" doc:"Until when the code can be used."`
		Attempts  int64     `json:"attempts" example:"5" doc:"How often it can be tried."`
	}
}

func (s *Service) codeOp(ctx context.Context, in *applicationInput) (*codeOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.IssueCode(ctx, httpapi.Actor(ctx), key, in.ApplicationID)
	if err != nil {
		return nil, err
	}
	issued := httpapi.Reply(ctx, result)
	out := &codeOutput{}
	out.Body.ExpiresAt, out.Body.Attempts = issued.ExpiresAt.UTC(), issued.Attempts
	return out, nil
}

type signInput struct {
	ApplicationID uuid.UUID `path:"appId" format:"uuid" doc:"The application."`
	Body          struct {
		Code         string `json:"code" pattern:"^[0-9]{6}$" example:"402931" doc:"The code that was sent."`
		Consent      bool   `json:"consent" doc:"Must be true: the borrower agrees to the document as presented."`
		ScheduleHash string `json:"schedule_hash" pattern:"^[0-9a-f]{64}$" doc:"The schedule_hash of the agreement that the borrower was shown."`
	}
}

// Resolve implements huma.Resolver: without consent there is nothing to sign.
func (in *signInput) Resolve(huma.Context) []error {
	if in.Body.Consent {
		return nil
	}
	return []error{&huma.ErrorDetail{Location: "body.consent", Message: "must be true"}}
}

func (s *Service) signOp(ctx context.Context, in *signInput) (*agreementOutput, error) {
	// The key is bound to a keyed fingerprint: a plain hash of a request with
	// six unknown digits would tell the code.
	bound := in.ApplicationID.String() + in.Body.ScheduleHash + in.Body.Code
	key, err := httpapi.Key(ctx, s.keyring.Index([]byte(bound), "agreement.esign"))
	if err != nil {
		return nil, err
	}
	result, err := s.Sign(ctx, httpapi.Actor(ctx), key, in.ApplicationID,
		Consent{Code: in.Body.Code, ScheduleHash: in.Body.ScheduleHash})
	if err != nil {
		return nil, err
	}
	return output(httpapi.Reply(ctx, result)), nil
}

type uploadInput struct {
	ApplicationID uuid.UUID `path:"appId" format:"uuid" doc:"The application."`
	upload.Input
}

func (s *Service) uploadOp(ctx context.Context, in *uploadInput) (*agreementOutput, error) {
	form, err := in.Open()
	if err != nil {
		return nil, err
	}
	defer form.Close()
	key, err := httpapi.Key(ctx, nil) // the service binds it to the content
	if err != nil {
		return nil, err
	}
	result, err := s.Upload(ctx, httpapi.Actor(ctx), key, in.ApplicationID, form)
	if err != nil {
		return nil, err
	}
	return output(httpapi.Reply(ctx, result)), nil
}

type reviewInput struct {
	ApplicationID uuid.UUID `path:"appId" format:"uuid" doc:"The application."`
	Body          struct {
		Decision string `json:"decision" enum:"APPROVE,REJECT" doc:"Whether the copy is complete, unchanged and signed."`
		Reason   string `json:"reason,omitempty" maxLength:"500" example:"page 2 is missing" doc:"For the borrower; needed to reject."`
	}
}

// Resolve implements huma.Resolver.
func (in *reviewInput) Resolve(huma.Context) []error {
	if in.Body.Decision == "APPROVE" || in.Body.Reason != "" {
		return nil
	}
	return []error{&huma.ErrorDetail{Location: "body.reason", Message: ErrReason.Error()}}
}

func (s *Service) reviewOp(ctx context.Context, in *reviewInput) (*agreementOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Review(ctx, httpapi.Actor(ctx), key, in.ApplicationID, in.Body.Decision == "APPROVE", in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return output(httpapi.Reply(ctx, result)), nil
}
