// Package origination is the map of a loan's life before there is a loan: one
// flat package per stage, each a service with a database of its own, tied
// together by events alone.
//
//	                        customer 8001
//	                            │ customer.registered, customer.kyc.submitted
//	                            ▼
//	document 8003 ─uploaded─▶ application 8002 ◀──────────── every decision below
//	                            │ owns the stage and the timeline
//	                            │ application.created, .submitted, .stage.changed
//	                            ▼
//	INPUT ─▶ KYC_REVIEW ─▶ RISK_ASSESSMENT ─▶ DISCUSSION ─▶ APPROVAL ─▶ AGREEMENT ─▶ ACTIVATION ─▶ REPAYMENT ─▶ CLOSED
//	         kyc 8004      risk 8005          discussion     approval    agreement    (servicing)
//	                                          8006           8007        8008
//
// What moves an application on, and what ends it:
//
//	stage            leaves forward by                  closes by
//	INPUT            identity data and the documents
//	                 IDENTITY and INCOME are there
//	KYC_REVIEW       kyc.approved                       kyc.rejected
//	RISK_ASSESSMENT  risk.approved                      risk.rejected
//	DISCUSSION       offer.accepted                     offer.declined, offer.expired
//	APPROVAL         approval.granted                   approval.rejected
//	AGREEMENT        agreement.signed
//	ACTIVATION       disbursement.completed             disbursement.failed
//	REPAYMENT                                           loan.completed
//
// Events about an application travel on the topic tenor.origination keyed by
// the application id, so every service sees them in causal order. Events of
// loans (tenor.servicing) and customers (tenor.customer) may overtake them or
// lag behind; therefore a stage only ever moves forward.
//
// A service keeps what it needs of the others as a projection (package
// casefile and tables of its own); no service calls another.
//
// The package itself holds no code and must not: services import the platform
// under internal, never this folder.
package origination
