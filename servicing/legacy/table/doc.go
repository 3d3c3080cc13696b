// Package table is the instalments of a loan of an older core: what is due, paid
// and waived of each, the charges that it bears, and the orders in which money is
// laid on it.
//
// It knows one row and one payment at a time. When what happens is package
// servicing/legacy's; how much is due is the planners'.
package table
