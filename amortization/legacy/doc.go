// Package legacy reproduces, to the cent, the schedules of an older generation
// of loan systems, so that a book of loans can move without any table changing.
//
// It knows two ways to plan a loan. Cumulative plans the whole table at once
// from a nominal period rate. Progressive sizes the instalment from the exact
// factor of each period. Both carry rates and factors to twelve significant
// digits, half-even at each operation, round every stored amount once, and
// count days by the pair days-in-month × days-in-year.
//
// New loans belong to package amortization: this one keeps its conventions,
// including those that are not exact, and must not gain any other.
package legacy
