// Package amortization turns the terms of a loan into exact figures: the
// schedule of instalments, the interest accrued on a day, the payoff, the
// split of a payment, and the rates that the law asks to disclose.
//
// It is pure and deterministic: no clock, no I/O, no floating point. The same
// terms give the same schedule, and [Schedule.Hash] names it.
//
// # Contents
//
//   - Terms: [Terms], [Frequency], [Rounding], [Fee]; [Terms.Validate] reports
//     every fault at once, each a [TermsError] that names the field and the rule.
//   - Schedule: [New] builds a [Schedule] of [Instalment] rows; the number of
//     rows is the number agreed, the principal repaid is the principal
//     disbursed, and the last closing balance is exactly zero.
//   - Day counts: [DayCount.Fraction] gives the exact [Fraction] of a year.
//   - Life of the loan: [Accrued], [Outstanding], [Payoff] and [Allocate] are
//     functions over values, for the servicer to apply to its own state.
//   - Disclosure: [Disclose] gives the [KeyFacts], with the annual percentage
//     rate and the effective annual rate.
//
// # Conventions
//
// A period runs from its first day, inclusive, to its due date, exclusive:
// interest of a day belongs to the period in which the day lies, and the
// interest accrued on a due date is the whole interest of the period that ends
// there. Amounts are whole minor units; every calculated amount is rounded
// once, by the policy in [Rounding].
//
// The package must not know loans as aggregates, events, storage or HTTP.
package amortization
