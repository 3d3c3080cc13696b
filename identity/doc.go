// Package identity owns who may act: accounts of borrowers and staff, OAuth
// clients, sessions with their rotating refresh tokens, and the keys that sign
// access tokens.
//
// It publishes session.started and session.ended, and consumes
// customer.registered: a borrower's account has the customer's id.
//
// It must not know what any role may do (each operation states that), nor keep
// a password, e-mail, secret or private key in readable form: passwords are
// argon2id hashes, e-mails and keys are encrypted with the platform's keyring,
// refresh tokens and client secrets are stored as hashes only.
package identity
