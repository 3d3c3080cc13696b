// Package closeofday is the service that closes business days: it brings every
// loan to the start of the next day (what falls due becomes receivable, what
// was not paid becomes overdue) and then moves the business date of the book.
//
// It owns the tables close_of_day_run and close_of_day_lease. It publishes
// PaymentOverdue, once per instalment, and BusinessDayClosed. It consumes nothing.
//
// A run works in small transactions, each of which leaves a state from which
// any process can go on: loans leave the list of those to look at by being
// brought to the day, and the date moves when the list is empty. A lease with a
// fencing token keeps two processes from working on one book. Payments are
// taken while a run works. Days on which no loan changes are closed together,
// with one event that names the last of them.
//
// It must not decide what a day does to a loan: package servicing does.
package closeofday
