// Package closeofday is the service that closes business days: it brings every
// loan to the start of the next day (income becomes receivable, what was not
// paid becomes overdue, fees, stages and provisions follow), proves that the
// ledger and the loans agree, and then moves the business date of the book.
//
// It owns the tables close_of_day_run, close_of_day_share, close_of_day_parked
// and tie_out. It publishes PaymentOverdue, once per instalment,
// LateFeeCharged, LoanStageChanged and BusinessDayClosed. It consumes nothing.
//
// # How a day is closed
//
// A book is cut into loandb.Parts parts. Workers, in any number of processes,
// each take the share of one part in a run, with an expiry, and bring its loans to
// the day in small transactions, each of which leaves a state from which any worker
// can go on, and has no effect if another worker has taken the share meanwhile. A loan for which the day cannot be
// started is parked with its reason, and the others go on. When all shares are
// ready the control accounts are compared with the loans (tieout.go), and the
// date moves if no loan has come back onto the list meanwhile: payments are
// taken while a run works. Days on which no loan changes are closed together,
// with one event that names the last of them.
//
// It must not decide what a day does to a loan: package servicing does.
package closeofday
