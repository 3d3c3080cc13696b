// Package repayment is the service that takes payments: those that partners
// post, and those that borrowers declare and prove and an officer verifies. It
// says what is owed, quotes payoffs, and closes loans.
//
// It owns the tables payment and loose_blob. It publishes PaymentReceived,
// PaymentVerified, PaymentRejected, PaymentReversed, LateFeeReversed, LoanCharged,
// LoanWaived, LoanRefunded, LoanChargedBack, LoanRescheduled, LoanChargedOff,
// LoanWrittenOff, LoanReopened, LoanFullyRepaid and LoanCompleted. It consumes
// ReconciliationCompleted: what the bank has seen needs no officer.
//
// A payment, the loan's new state, the journal entries, the events and the
// outcome under the idempotency key commit in one transaction, or none of them.
//
// It must not decide how a payment is split: package servicing does.
package repayment
