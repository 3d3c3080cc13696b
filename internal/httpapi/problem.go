package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
)

// Problem is a row of a service's error table: what an error of its domain is
// to an HTTP client.
type Problem struct {
	// Err is matched with errors.Is.
	Err error
	// Status is the HTTP status.
	Status int
	// Type is the slug of the problem type: "offer-not-open" becomes
	// urn:tenor:problem:offer-not-open.
	Type string
	// Title is one short sentence that is the same for every occurrence.
	Title string
}

const problemURN = "urn:tenor:problem:"

// shared are the problems that are the same in every service.
var shared = []Problem{
	{
		command.ErrKeyReused, http.StatusUnprocessableEntity, "idempotency-key-reused",
		"The idempotency key was used with another request",
	},
	{command.ErrInFlight, http.StatusConflict, "request-in-flight", "The same request is still running"},
	{
		database.ErrAmbiguous, http.StatusServiceUnavailable, "outcome-unknown",
		"The outcome is unknown; send the same request with the same key again",
	},
}

func init() {
	// Huma's own refusals (validation, media type, size) become typed problems
	// too, name the request, and never repeat the offending value: it may be a secret.
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		refusal := huma.NewError(status, message, errs...)
		if problem, ok := refusal.(*huma.ErrorModel); ok && ctx != nil {
			problem.Instance = instance(ctx.Context())
		}
		return refusal
	}
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		slug, title := genericProblem(status)
		problem := &huma.ErrorModel{Type: problemURN + slug, Title: title, Status: status, Detail: message}
		if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
			problem.Detail = "The request could not be completed. The fault is recorded under the request id."
			return problem
		}
		for _, err := range errs {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return tooLargeProblem()
			}
			problem.Errors = append(problem.Errors, detailOf(err))
		}
		return problem
	}
}

func tooLargeProblem() *huma.ErrorModel {
	slug, title := genericProblem(http.StatusRequestEntityTooLarge)
	return &huma.ErrorModel{
		Type: problemURN + slug, Title: title, Status: http.StatusRequestEntityTooLarge,
		Detail: "The body exceeds the limit of this operation.",
	}
}

func detailOf(err error) *huma.ErrorDetail {
	var detailer huma.ErrorDetailer
	if errors.As(err, &detailer) {
		detail := *detailer.ErrorDetail()
		detail.Value = nil
		if name, missing := missingProperty(detail.Message); missing {
			detail.Location += "." + name
		}
		return &detail
	}
	return &huma.ErrorDetail{Message: err.Error()}
}

// missingProperty finds the name in the message about a property that a schema
// requires: Huma locates it by the object that lacks it only.
func missingProperty(message string) (name string, missing bool) {
	before, after, _ := strings.Cut(validation.MsgExpectedRequiredProperty, "%s")
	rest, missing := strings.CutPrefix(message, before)
	if !missing {
		return "", false
	}
	return strings.CutSuffix(rest, after)
}

func genericProblem(status int) (slug, title string) {
	switch status {
	case http.StatusBadRequest:
		return "malformed-request", "Malformed request"
	case http.StatusUnauthorized:
		return "unauthenticated", "Authentication required"
	case http.StatusForbidden:
		return "forbidden", "Not allowed"
	case http.StatusNotFound:
		return "not-found", "Not found"
	case http.StatusMethodNotAllowed:
		return "method-not-allowed", "Method not allowed"
	case http.StatusNotAcceptable:
		return "not-acceptable", "Not acceptable"
	case http.StatusRequestTimeout:
		return "request-timeout", "The request took too long"
	case http.StatusConflict:
		return "conflict", "Conflict"
	case http.StatusRequestEntityTooLarge:
		return "body-too-large", "Body too large"
	case http.StatusUnsupportedMediaType:
		return "unsupported-media-type", "Unsupported media type"
	case http.StatusUnprocessableEntity:
		return "validation", "The request does not fit its schema"
	case http.StatusServiceUnavailable:
		return "unavailable", "Temporarily unavailable"
	}
	return "internal", "Internal error"
}

// NewProblem makes a problem document, for handlers outside Register.
func NewProblem(ctx context.Context, status int, slug, title, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{
		Type: problemURN + slug, Title: title, Status: status, Detail: detail, Instance: instance(ctx),
	}
}

// WriteProblem sends a problem document outside Huma.
func WriteProblem(w http.ResponseWriter, problem *huma.ErrorModel) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(problem.Status)
	_ = huma.DefaultJSONFormat.Marshal(w, problem) // the client went away: nothing to tell it
}

func instance(ctx context.Context) string {
	if id := RequestID(ctx); id != "" {
		return "urn:tenor:request:" + id
	}
	return ""
}

// problem maps an error of a handler to its document.
func (a *API) problem(ctx context.Context, operation string, err error) error {
	var status huma.StatusError
	if errors.As(err, &status) {
		return err
	}
	return withRetryAfter(a.ProblemOf(ctx, operation, err))
}

// ProblemOf maps an error to its document by the service's table; what is in no
// table is shown to the log only. It is for operations whose answer holds
// several outcomes.
func (a *API) ProblemOf(ctx context.Context, operation string, err error) *huma.ErrorModel {
	for _, row := range a.problems {
		if !errors.Is(err, row.Err) {
			continue
		}
		problem := NewProblem(ctx, row.Status, row.Type, row.Title, err.Error())
		if row.Status >= http.StatusInternalServerError || database.IsDriver(err) {
			problem.Detail = row.Title + "." // the words of a dependency are for the log
			a.log.WarnContext(ctx, "request not completed", "operation", operation, "error", err)
		}
		problem.Errors = fieldDetails(err, a.placesOf(operation))
		return problem
	}
	if database.IsUnavailable(err) || errors.Is(err, context.Canceled) {
		a.log.WarnContext(ctx, "request not completed", "operation", operation, "error", err)
		return NewProblem(ctx, http.StatusServiceUnavailable, "unavailable", "Temporarily unavailable",
			"Send the same request again, with the same idempotency key if it has one.")
	}
	a.log.ErrorContext(ctx, "unmapped error", "operation", operation, "error", err)
	return NewProblem(ctx, http.StatusInternalServerError, "internal", "Internal error",
		"The request could not be completed. The fault is recorded under the request id.")
}

const retryAfterSeconds = 1

// withRetryAfter tells clients when an answer that may change is worth asking for
// again.
func withRetryAfter(problem *huma.ErrorModel) error {
	if problem.Status != http.StatusServiceUnavailable && problem.Type != problemURN+"request-in-flight" {
		return problem
	}
	return huma.ErrorWithHeaders(problem, http.Header{"Retry-After": {strconv.Itoa(retryAfterSeconds)}})
}

// FieldError is an error of a domain that names the field at fault, in the
// words of the API: "principal" or "lines[3].amount".
type FieldError interface {
	error
	FieldName() string
}

// places says where clients write the fields of an operation.
type places struct {
	// parameters are the locations of what is written in the path or the query, by name.
	parameters map[string]string
	// bodiless operations take no body.
	bodiless bool
}

// placesOf reads the places from the description of an operation. A name that
// the body has as well means the member of the body.
func (a *API) placesOf(operation string) places {
	op := a.find(operation)
	if op == nil {
		return places{}
	}
	p := places{parameters: map[string]string{}, bodiless: op.RequestBody == nil}
	for _, parameter := range op.Parameters {
		p.parameters[parameter.Name] = parameter.In + "." + parameter.Name
	}
	if p.bodiless {
		return p
	}
	for _, media := range op.RequestBody.Content {
		schema := media.Schema
		if schema != nil && schema.Ref != "" {
			schema = a.huma.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
		}
		if schema == nil {
			continue
		}
		for name := range schema.Properties {
			delete(p.parameters, name)
		}
	}
	return p
}

// locate returns the location of a field, in the notation of the refusals of a
// schema: "query.from", "body.lines[3].amount". A field that the client could not
// have written, such as a value of something stored, has its name alone.
func (p places) locate(field string) string {
	whole, _, _ := strings.Cut(field, ".") // a parameter has no parts: of amount.currency it is the amount
	if parameter, ok := p.parameters[whole]; ok {
		return parameter
	}
	if p.bodiless {
		return field
	}
	return "body." + field
}

// fieldDetails collects every FieldError in the tree of err.
func fieldDetails(err error, where places) []*huma.ErrorDetail {
	if field, ok := err.(FieldError); ok { //nolint:errorlint // walking the tree node by node
		return []*huma.ErrorDetail{{Location: where.locate(field.FieldName()), Message: field.Error()}}
	}
	var details []*huma.ErrorDetail
	switch node := err.(type) { //nolint:errorlint // walking the tree node by node
	case interface{ Unwrap() []error }:
		for _, child := range node.Unwrap() {
			details = append(details, fieldDetails(child, where)...)
		}
	case interface{ Unwrap() error }:
		details = fieldDetails(node.Unwrap(), where)
	}
	return details
}

func (a *API) refuse(ctx huma.Context, status int, slug, title, detail string) {
	_, w := unwrap(ctx)
	WriteProblem(w, NewProblem(ctx.Context(), status, slug, title, detail))
}
