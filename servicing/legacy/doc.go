// Package legacy keeps loans that were moved from an older core by the
// conventions of that core, so that no figure of theirs changes: it replays the
// dated history of such a loan to its instalments, its transactions with their
// splits and balances, its status, and its journal.
//
// It owns what happens to such a loan after its schedule was first planned: the
// order of events, allocation, charges, recalculation of interest, refunds and
// chargebacks, restructuring, accruals and postings. How a schedule is planned
// (dates, rates, rounding) is package amortization/legacy's.
//
// Below it: history is a loan as it comes, table its rows and the orders in which
// money is laid on them, cumulative the plans of loans whose schedule stands before
// they are paid, conform the vectors that say what an older core answered.
//
// New loans belong to package servicing. This package reads a history and
// computes; it must not know clocks or storage, and must not gain a rule that
// the older core does not have. Amounts are int64 minor units.
package legacy
