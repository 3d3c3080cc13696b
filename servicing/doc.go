// Package servicing is the loan after signing: what it is, what may be done
// with it, and what each step means for the books.
//
// A [Loan] is the fold of its dated inputs: a payment, a charge, a waiver, a new
// plan. A [Command] such as [Payment] looks at the state and leads to a
// [Change], all as values: the facts that follow, the state after them, and the
// journal entries that the posting table (package posting) makes of each fact.
// Whoever asked stores all of it in one transaction, or nothing.
//
// # Inputs, days, and the order of arrival
//
// The engine (engine.go) goes through the inputs by effective date, and through
// the days on which something happens by itself (day.go): income becomes
// receivable, instalments become overdue, late fees are charged, stages change.
// The same inputs give the same state in whatever order they came in. An input
// that comes in order is applied to the state as it is; [Loan.Do] needs the facts
// for one that comes late, and then books the net difference (history.go).
//
// # Conventions
//
//   - The contract fixes the schedule. Paying early or late does not move due
//     dates or amounts; a payoff shortens the plan, and then interest is cut to
//     what has been earned by its value date; a prepayment and an agreed new plan
//     revise it (plan.go).
//   - Every payment is conserved: principal, interest, fees, penalties and
//     overpaid add up to the amount received. Overpaid money is owed to the borrower.
//   - A day starts before what is done on it. An instalment is due at the start of
//     its due date; its income becomes receivable then, or daily as it is earned,
//     or when it is paid earlier. It is overdue when the next day starts and
//     something of it is open.
//   - Days past due count from the due date of the oldest instalment that is
//     open and past due: one on the day after it.
//   - A normal payment is allocated by the loan's order. The usual one goes to the
//     oldest instalment first. What is left after the last one is overpaid.
//
// The package is pure: dates, ids and amounts come in as values. It must not
// know clocks, storage, HTTP, nor the events that services announce.
package servicing
