// Package kyc owns the review of an applicant's identity: who looks at it,
// what they found, and the decision. It runs on database kyc.
//
// A review is OPEN when the application is handed in, ASSIGNED to an officer by
// a manager, VERIFIED by that officer, and APPROVED or REJECTED by a manager who
// is somebody else. New or withdrawn evidence takes a verified review back to
// its officer.
//
// Publishes: kyc.assigned, kyc.verified, kyc.approved, kyc.rejected.
//
// Consumes: application.submitted (opens a review), document.uploaded and
// document.deleted (evidence), and what package casefile needs.
//
// It must not hold identity data: officers read them from the customer
// service. What officers write about a person is sealed and never in events.
package kyc
