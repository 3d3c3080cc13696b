// Package activation is the service that makes a signed agreement a loan: the
// loan account, its schedule, and the payout to the borrower.
//
// It owns the tables loan_product, signed_agreement, disbursement and, as the
// simulated bank behind payouts, simulated_payout. It publishes LoanProductSaved,
// LoanActivated, RepaymentScheduleCreated, DisbursementInitiated,
// DisbursementCompleted and DisbursementFailed. It consumes AgreementSigned.
//
// The schedule is computed again from the signed terms and must have the hash
// that was signed. The money is lent on the business date of the activation; if
// that is not the disbursement date of the terms, due dates and amounts stay as
// signed, because they are the contract.
//
// A loan is serviced by the version of its product that was signed, whose late fee
// must be the one that was signed, and keeps it: a later version of the catalogue
// changes nothing for it. An agreement that names no version has the one that is in
// force on the date of the activation.
//
// It must not take payments, nor change a schedule.
package activation
