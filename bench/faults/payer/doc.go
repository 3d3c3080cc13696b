// Package payer owns the client of a fault drill: the people and programs that it
// acts as, how it sends requests to a platform that is disturbed, the loans that it
// makes, and the many ways in which it pays them. What it learns is in the journal
// before it counts.
//
// It drives the platform through its public API and its events only. It must not
// know what fails or when, nor judge what the platform made of its payments, beyond
// an answer that contradicts itself.
package payer
