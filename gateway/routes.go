package gateway

import (
	"net/http"
	"slices"

	"github.com/tenor-lending/tenor/internal/access"
)

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// Rules that many routes share.
var (
	ledgerReaders  = only(access.Finance, access.System, access.Admin)
	ledgerWriters  = only(access.Finance, access.System)
	loanOfficers   = only(access.Officer, access.Manager, access.Finance)
	loanManagers   = only(access.Manager, access.CreditHead, access.Finance)
	loanReaders    = only(append(slices.Clone(access.Staff), access.Finance, access.System)...)
	loanPayers     = only(access.Manager, access.CreditHead, access.System)
	borrowersStaff = only(append(slices.Clone(access.Staff), access.Customer)...)
	notCustomers   = only(append(slices.Clone(access.Staff), access.Finance, access.Partner, access.System)...)
)

// routes is the table of everything that has a way through the gateway. It is
// written by hand, so that nothing becomes reachable by being registered; a
// test compares it with what the services register.
var routes = []Route{
	{get, "/health", own, public, Ordinary},
	{get, "/metrics", own, internal, Ordinary},
	{get, "/openapi.json", own, public, Page},
	{get, "/docs", own, public, Page},
	{get, "/docs/", own, public, Page},
	{get, "/health/{service}", named, internal, Ordinary},
	{get, "/health/{service}/live", named, internal, Ordinary},
	{get, "/health/{service}/ready", named, internal, Ordinary},

	{get, "/.well-known/jwks.json", "identity", public, Ordinary},
	{get, "/.well-known/oauth-authorization-server", "identity", public, Ordinary},
	{get, "/api/v1/admin/clients", "identity", only(access.Admin), Ordinary},
	{post, "/api/v1/admin/clients", "identity", only(access.Admin), Ordinary},
	{post, "/api/v1/admin/clients/{id}/disable", "identity", only(access.Admin), Ordinary},
	{post, "/api/v1/admin/keys/rotate", "identity", only(access.Admin), Ordinary},
	{get, "/api/v1/admin/users", "identity", only(access.Admin), Ordinary},
	{post, "/api/v1/admin/users", "identity", only(access.Admin), Ordinary},
	{post, "/api/v1/admin/users/{id}/disable", "identity", only(access.Admin), Ordinary},
	{post, "/api/v1/admin/users/{id}/password", "identity", only(access.Admin), Ordinary},
	{post, "/api/v1/auth/login", "identity", public, Login},
	{post, "/api/v1/auth/logout", "identity", bearer, Ordinary},
	{post, "/api/v1/auth/password", "identity", bearer, Login},
	{post, "/api/v1/auth/password/forgotten", "identity", public, Login},
	{post, "/api/v1/auth/password/reset", "identity", public, Login},
	{post, "/api/v1/auth/refresh", "identity", public, Ordinary},
	{post, "/api/v1/oauth/token", "identity", public, Login},

	{post, "/api/v1/customers/register", "customer", public, Login},
	{put, "/api/v1/customers/{id}/kyc", "customer", bearer, Ordinary},
	{get, "/api/v1/customers/{id}/profile", "customer", bearer, Ordinary},

	{get, "/api/v1/admin/loans", "application", only(access.Admin), Ordinary},
	{get, "/api/v1/admin/reports/dashboard", "application", only(access.Admin), Ordinary},
	{get, "/api/v1/applications", "application", borrowersStaff, Ordinary},
	{post, "/api/v1/applications", "application", bearer, Ordinary},
	{get, "/api/v1/applications/{id}", "application", bearer, Ordinary},
	{get, "/api/v1/applications/{id}/timeline", "application", bearer, Ordinary},

	{post, "/api/v1/documents/upload", "document", bearer, Upload},
	{get, "/api/v1/documents/{appId}/list", "document", bearer, Ordinary},
	{remove, "/api/v1/documents/{docId}", "document", bearer, Ordinary},
	{get, "/api/v1/documents/{docId}/content", "document", bearer, Ordinary},

	{get, "/api/v1/kyc/queue", "kyc", only(access.Officer), Ordinary},
	{post, "/api/v1/kyc/{appId}/assign", "kyc", only(access.Manager), Ordinary},
	{post, "/api/v1/kyc/{appId}/decision", "kyc", only(access.Manager), Ordinary},
	{put, "/api/v1/kyc/{appId}/verify", "kyc", only(access.Officer), Ordinary},

	{post, "/api/v1/risk/{appId}/assess", "risk", only(access.System), Ordinary},
	{post, "/api/v1/risk/{appId}/decision", "risk", only(access.RiskMgr), Ordinary},
	{get, "/api/v1/risk/{appId}/report", "risk", only(access.Officer, access.RiskMgr), Ordinary},

	{post, "/api/v1/discussion/{appId}/accept", "discussion", bearer, Ordinary},
	{post, "/api/v1/discussion/{appId}/decline", "discussion", bearer, Ordinary},
	{get, "/api/v1/discussion/{appId}/offer", "discussion", bearer, Ordinary},
	{post, "/api/v1/discussion/{appId}/offer", "discussion", only(access.Officer), Ordinary},

	{get, "/api/v1/approval/{appId}", "approval", only(access.Staff...), Ordinary},
	{post, "/api/v1/approval/{appId}/final", "approval", only(access.CreditHead), Ordinary},
	{post, "/api/v1/approval/{appId}/internal", "approval", only(access.Internal), Ordinary},
	{post, "/api/v1/approval/{appId}/management", "approval", only(access.Manager), Ordinary},

	{get, "/api/v1/agreement/{appId}", "agreement", bearer, Ordinary},
	{get, "/api/v1/agreement/{appId}/document", "agreement", bearer, Ordinary},
	{post, "/api/v1/agreement/{appId}/esign", "agreement", bearer, Ordinary},
	{post, "/api/v1/agreement/{appId}/esign/code", "agreement", bearer, Ordinary},
	{post, "/api/v1/agreement/{appId}/generate", "agreement", only(access.System), Ordinary},
	{post, "/api/v1/agreement/{appId}/review", "agreement", only(access.Officer), Ordinary},
	{post, "/api/v1/agreement/{appId}/upload", "agreement", bearer, Upload},

	{post, "/api/v1/activation/{appId}/trigger", "activation", only(access.System), Ordinary},
	{get, "/api/v1/activation/{loanId}/account", "activation", bearer, Ordinary},
	{post, "/api/v1/activation/{loanId}/disburse", "activation", only(access.System), Ordinary},
	{get, "/api/v1/activation/{loanId}/schedule", "activation", bearer, Ordinary},
	{post, "/api/v1/activation/{loanId}/tranches", "activation", loanPayers, Ordinary},

	{get, "/api/v1/loan-products", "activation", loanReaders, Ordinary},
	{get, "/api/v1/loan-products/{product}", "activation", loanReaders, Ordinary},
	{post, "/api/v1/loan-products/{product}/versions", "activation", only(access.Admin, access.Finance), Ordinary},

	{post, "/api/v1/loans/{loanId}/close", "repayment", only(access.System), Ordinary},
	{post, "/api/v1/loans/{loanId}/refund", "repayment", only(access.Finance), Ordinary},
	{post, "/api/v1/loans/{loanId}/chargeback", "repayment", only(access.Finance), Ordinary},
	{post, "/api/v1/loans/{loanId}/credits", "repayment", loanManagers, Ordinary},
	{post, "/api/v1/loans/{loanId}/charges", "repayment", loanOfficers, Ordinary},
	{post, "/api/v1/loans/{loanId}/waive", "repayment", loanManagers, Ordinary},
	{post, "/api/v1/loans/{loanId}/charge-off", "repayment", loanManagers, Ordinary},
	{post, "/api/v1/loans/{loanId}/write-off", "repayment", loanManagers, Ordinary},
	{post, "/api/v1/loans/{loanId}/reschedule", "repayment", loanOfficers, Ordinary},
	{post, "/api/v1/loans/{loanId}/payoff-quotes", "repayment", bearer, Ordinary},
	{get, "/api/v1/loans/{loanId}/statement", "repayment", bearer, Ordinary},
	{get, "/api/v1/loans/{loanId}/statement/print", "repayment", bearer, Ordinary},
	{post, "/api/v1/payments", "repayment", bearer, Ordinary},
	{post, "/api/v1/payments/batch", "repayment", only(access.Partner, access.System), Bulk},
	{get, "/api/v1/payments/{loanId}/history", "repayment", bearer, Ordinary},
	{get, "/api/v1/payments/{loanId}/outstanding", "repayment", bearer, Ordinary},
	{get, "/api/v1/payments/{loanId}/payoff", "repayment", bearer, Ordinary},
	{get, "/api/v1/payments/{loanId}/prepayment", "repayment", bearer, Ordinary},
	{post, "/api/v1/payments/{payId}/reverse", "repayment", loanOfficers, Ordinary},
	{post, "/api/v1/payments/{payId}/verify", "repayment", only(access.Officer), Ordinary},
	{get, "/api/v1/payments/{payId}/proof", "repayment", bearer, Ordinary},
	{post, "/api/v1/payments/{payId}/proof", "repayment", bearer, Upload},

	// Everybody but borrowers may know the business date.
	{get, "/api/v1/close-of-day/book", "closeofday", notCustomers, Ordinary},
	{get, "/api/v1/close-of-day/parked", "closeofday", ledgerWriters, Ordinary},
	{post, "/api/v1/close-of-day/parked/{loanId}/retry", "closeofday", ledgerWriters, Ordinary},
	{post, "/api/v1/close-of-day/runs", "closeofday", ledgerWriters, Ordinary},
	{get, "/api/v1/close-of-day/runs/{id}", "closeofday", ledgerWriters, Ordinary},
	{get, "/api/v1/close-of-day/tie-out", "closeofday", ledgerWriters, Ordinary},
	{get, "/api/v1/close-of-day/tie-out/loans", "closeofday", ledgerWriters, Ordinary},
	{post, "/api/v1/close-of-day/tie-out/signature", "closeofday", only(access.Finance), Ordinary},

	{get, "/api/v1/notifications/history", "notification", bearer, Ordinary},
	{get, "/api/v1/notifications/inbox", "notification", bearer, Ordinary},
	{get, "/api/v1/notifications/preferences", "notification", bearer, Ordinary},
	{put, "/api/v1/notifications/preferences", "notification", bearer, Ordinary},
	{patch, "/api/v1/notifications/{id}/read", "notification", bearer, Ordinary},

	{get, "/api/v1/ledger/accounts", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/accounts", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/accounts/{account}", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/accounts/{account}/balance", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/accounts/{account}/close", "ledger", ledgerWriters, Ordinary},
	{post, "/api/v1/ledger/accounts/{account}/reopen", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/accounts/{account}/statement", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/balance-sheet", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/entries", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/entries", "ledger", ledgerWriters, Bulk},
	{post, "/api/v1/ledger/entries/batch", "ledger", ledgerWriters, Bulk},
	{get, "/api/v1/ledger/entries/{id}", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/entries/{id}/reverse", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/general-ledger", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/gl-accounts", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/gl-accounts", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/chain", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/chain/verification", "ledger", only(access.Finance, access.Admin), Ordinary},
	{get, "/api/v1/ledger/changes", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/export", "ledger", ledgerReaders, Download},
	{get, "/api/v1/ledger/income-statement", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/pending-entries", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/pending-entries", "ledger", ledgerWriters, Bulk},
	{get, "/api/v1/ledger/pending-entries/{id}", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/pending-entries/{id}/post", "ledger", ledgerWriters, Bulk},
	{post, "/api/v1/ledger/pending-entries/{id}/void", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/periods", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/periods/close", "ledger", ledgerWriters, Ordinary},
	{post, "/api/v1/ledger/periods/reopen", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/reconciliation/bank-lines", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/reconciliation/breaks", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/reconciliation/breaks/{break}", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/reconciliation/breaks/{break}/explain", "ledger", ledgerWriters, Ordinary},
	{post, "/api/v1/ledger/reconciliation/breaks/{break}/resolve", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/reconciliation/csv-mappings/{name}", "ledger", ledgerReaders, Ordinary},
	{put, "/api/v1/ledger/reconciliation/csv-mappings/{name}", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/reconciliation/matches", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/reconciliation/matches", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/reconciliation/matches/{match}", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/reconciliation/matches/{match}/undo", "ledger", ledgerWriters, Ordinary},
	{post, "/api/v1/ledger/reconciliation/previews", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/reconciliation/report", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/reconciliation/report/print", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/reconciliation/rule-sets/{name}", "ledger", ledgerReaders, Ordinary},
	{put, "/api/v1/ledger/reconciliation/rule-sets/{name}", "ledger", ledgerWriters, Ordinary},
	{post, "/api/v1/ledger/reconciliation/runs", "ledger", ledgerWriters, Ordinary},
	{get, "/api/v1/ledger/reconciliation/runs/{bankrun}", "ledger", ledgerReaders, Ordinary},
	{get, "/api/v1/ledger/reconciliation/statements", "ledger", ledgerReaders, Ordinary},
	{post, "/api/v1/ledger/reconciliation/statements", "ledger", ledgerWriters, BankFile},
	{get, "/api/v1/ledger/trial-balance", "ledger", ledgerReaders, Ordinary},
}
