// Package approval owns the lender's own approval of an accepted offer: three
// levels (internal, management, final) in this order, each decided once and
// each by another person, none of whom made the offer. Any rejection ends it.
//
// It publishes ApprovalRecorded, ApprovalGranted and ApprovalRejected. It
// consumes OfferAccepted, which opens a case.
//
// It must not change an offer: what is approved is exactly what the borrower
// accepted, named by its schedule hash.
package approval
