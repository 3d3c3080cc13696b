// Package servicing is the loan after signing: what it is, what may be done
// with it, and what each step means for the books.
//
// A [Loan] is the fold of its dated facts ([Fact], [Replay]). A command such as
// [Loan.Pay] looks at the state and returns a [Change], all as values: the facts
// that follow, the state after them, and the journal entries that the posting
// table (posting.go) makes of each fact. Whoever asked stores all of it in one
// transaction, or nothing.
//
// # Conventions
//
//   - The contract fixes the schedule. Paying early or late does not move due
//     dates or amounts; only a payoff shortens the plan, and then interest is cut
//     to what has been earned by its value date.
//   - Every payment is conserved: principal, interest, fees, penalties and
//     overpaid add up to the amount received. Overpaid money is owed to the borrower.
//   - An instalment is due at the start of its due date; its interest and fees
//     become receivable then, or when they are paid earlier. It is overdue when
//     the next business date starts and something of it is open.
//   - Days past due count from the due date of the oldest instalment that is
//     open and past due: one on the day after it.
//   - A normal payment is allocated by the loan's order. The usual one goes to the
//     oldest instalment first, whatever the value date, so that the state after
//     several payments does not depend on the order in which they came in. What
//     is left after the last instalment is overpaid.
//
// The package is pure: dates, ids and amounts come in as values. It must not
// know clocks, storage, HTTP, nor the events that services announce.
package servicing
