// Package conform runs the test vectors of kinds events and journal against
// package servicing/legacy: the history of a loan, and what its instalments,
// transactions, status and journal must be after it.
//
// It owns the shape of these vectors and their comparison, not the rules. It
// must not be lenient: only what a vector states is compared, but all of it, and
// an unknown field is an error.
package conform
