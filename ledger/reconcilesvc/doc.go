// Package reconcilesvc is finance's API for reconciliation: import bank
// statements, declare rules, match bank and books by them or by hand, resolve
// what is left, and print the proof that both agree.
//
// Owns: nothing of its own; statements and matches belong to reconciledb, the
// books to ledgerdb. It publishes ReconciliationCompleted and consumes nothing.
// It is served beside ledgersvc by the same role.
//
// It must not decide which lines belong together (package reconcile does) nor
// read files (bankfile does).
package reconcilesvc
