// Package k6 holds scripts for those who load a deployed gateway with k6
// (https://k6.io): payments, and the reads of a lender's day, as open loops with
// thresholds. They need no Go; the README of the bench says how to run them.
//
// The package has no code of its own. Its test runs every script on a small
// stand-in for k6 and holds each request that it sends against the OpenAPI
// document, so that the scripts cannot fall behind the API.
package k6
