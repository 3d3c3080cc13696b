// Package customer owns who the borrowers are: registration, contact data and
// the identity data that KYC reviews, all of it sealed with a key per person.
// It runs on database customer.
//
// Publishes: customer.registered (credential and contact sealed for identity
// and notification), customer.kyc.submitted.
//
// Consumes: kyc.approved, after which identity data can no longer be changed.
//
// It must not keep passwords (identity owns credentials), decide on anybody's
// identity (kyc does), nor let personal data out unsealed except to its owner
// and to staff.
package customer
