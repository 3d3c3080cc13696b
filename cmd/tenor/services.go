package main

import (
	"context"
	"sync"

	"github.com/tenor-lending/tenor/gateway"
	"github.com/tenor-lending/tenor/identity"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/openapidoc"
	"github.com/tenor-lending/tenor/ledger/ledgersvc"
	"github.com/tenor-lending/tenor/ledger/reconcilesvc"
	"github.com/tenor-lending/tenor/notification"
	"github.com/tenor-lending/tenor/origination/agreement"
	"github.com/tenor-lending/tenor/origination/application"
	"github.com/tenor-lending/tenor/origination/approval"
	"github.com/tenor-lending/tenor/origination/customer"
	"github.com/tenor-lending/tenor/origination/discussion"
	"github.com/tenor-lending/tenor/origination/document"
	"github.com/tenor-lending/tenor/origination/kyc"
	"github.com/tenor-lending/tenor/origination/risk"
	"github.com/tenor-lending/tenor/servicing/activation"
	"github.com/tenor-lending/tenor/servicing/closeofday"
	"github.com/tenor-lending/tenor/servicing/repayment"
)

const gatewayPort = 8000

// services is the table of roles: every one can run alone, and `all` is every row.
var services = []app.Service{
	{Name: "gateway", Port: gatewayPort, Title: "The one door: routing, limits, API documentation", New: gateway.New},
	{Name: "customer", Port: 8001, Database: "customer", Title: "Borrowers and their identity data", New: customer.New},
	{
		Name: "application", Port: 8002, Database: "application", Title: "Applications, their stage and timeline",
		New: application.New,
	},
	{Name: "document", Port: 8003, Database: "document", Title: "Documents of an application", New: document.New},
	{Name: "kyc", Port: 8004, Database: "kyc", Title: "Review of who the borrower is", New: kyc.New},
	{Name: "risk", Port: 8005, Database: "risk", Title: "Scoring and the risk decision", New: risk.New},
	{
		Name: "discussion", Port: 8006, Database: "discussion", Title: "Offers, and the borrower's answer",
		New: discussion.New,
	},
	{
		Name: "approval", Port: 8007, Database: "approval", Title: "Internal, management and final approval",
		New: approval.New,
	},
	{
		Name: "agreement", Port: 8008, Database: "agreement", Title: "The contract: generated, signed, verified",
		New: agreement.New,
	},
	{
		Name: "activation", Port: 8009, Database: "core", Title: "Loan accounts, schedules, disbursement",
		New: activation.New,
	},
	{Name: "repayment", Port: 8010, Database: "core", Title: "Payments, outstanding, payoff, closing", New: repayment.New},
	{
		Name: "notification", Port: 8011, Database: "notification", Title: "Messages to borrowers and staff",
		New: notification.New,
	},
	{Name: "ledger", Port: 8012, Database: "core", Title: "The general ledger for finance", New: newLedger},
	{Name: "identity", Port: 8013, Database: "identity", Title: "Logins, tokens, keys, roles", New: identity.New},
	{
		Name: "closeofday", Port: 8014, Database: "core", Title: "The business date and what happens when it moves",
		New: closeofday.New,
	},
}

// newLedger makes the role of finance: the books, and their reconciliation with
// the bank.
func newLedger(env *app.Env) (*app.Component, error) {
	books, err := ledgersvc.New(env)
	if err != nil {
		return nil, err
	}
	reconciliation, err := reconcilesvc.New(env)
	if err != nil {
		return nil, err
	}
	routes := books.Routes
	books.Routes = func(api *httpapi.API) {
		routes(api)
		reconciliation.Routes(api)
	}
	return books, nil
}

// mergedOpenAPI is the one document of all services, made once.
var mergedOpenAPI = sync.OnceValues(func() ([]byte, error) { return openapidoc.Merge(services) })

func openapiCommand(_ context.Context, _ []string, std streams) int {
	document, err := mergedOpenAPI()
	if err != nil {
		say(std.err, "tenor openapi: %v\n", err)
		return exitFailed
	}
	say(std.out, "%s\n", document)
	return 0
}
