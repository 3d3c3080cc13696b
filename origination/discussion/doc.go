// Package discussion owns the agreement on terms: the officer's offers with
// their key facts and schedules, and the borrower's answer.
//
// It publishes OfferMade, OfferAccepted, OfferDeclined and OfferExpired. It
// consumes ApplicationSubmitted, RiskApproved, which opens a discussion up to
// an amount, BusinessDayClosed, by which offers grow old, and LoanProductSaved.
//
// An offer never changes: another one supersedes it. It takes the version of its
// product that is in force on its business date, of those that were heard of, and
// with it the late fee, which the loan keeps. What the borrower accepts
// is named by the hash of its schedule, and everything after must compute the
// same hash from the same terms.
//
// It must not compute instalments or rates itself (package amortization does),
// nor decide on risk or approval.
package discussion
