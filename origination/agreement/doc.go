// Package agreement owns the contract between lender and borrower: the PDF with
// the key facts, the late fee and the whole repayment schedule, how the borrower consents to
// it, and its electronic signature. It owns the tables accepted_offer,
// agreement, contract, signing_code, signed_copy, signer and loose_blob.
//
// It publishes agreement.generated, agreement.signing_code.issued,
// agreement.uploaded, agreement.returned and agreement.signed. It consumes the
// application's stage, offer.accepted (the terms) and approval.granted, upon
// which it makes the contract by itself.
//
// The schedule in a contract is computed again from the terms; if its hash is
// not the one that the borrower accepted there is no contract. A borrower
// consents with a one-time code, upon which the platform signs exactly the
// bytes that were presented, or sends in a copy signed by hand for review.
//
// It must not change terms, nor decide whether a loan is granted.
package agreement
