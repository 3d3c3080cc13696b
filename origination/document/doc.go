// Package document owns the files that a borrower gives as evidence with an
// application: what was given, when, its hash, and the way to read it. It owns
// the tables document, evidence_closed and loose_blob.
//
// It publishes document.uploaded and document.deleted. It consumes the
// application's stage, and kyc.approved and kyc.rejected, after which evidence
// is frozen.
//
// It must not judge what a document says, nor keep anything that a user wrote
// about it: file names are not stored.
package document
