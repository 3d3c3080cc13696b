package event

import (
	"time"

	"github.com/google/uuid"
)

// AgreementGenerated says that the contract document exists, unsigned.
type AgreementGenerated struct {
	OnApplication
	AgreementID  uuid.UUID `json:"agreement_id"`
	OfferID      uuid.UUID `json:"offer_id"`
	ScheduleHash string    `json:"schedule_hash"`
	SHA256       string    `json:"sha256"`
}

// Type implements Event.
func (AgreementGenerated) Type() string { return "agreement.generated.v1" }

// SigningCodeIssued carries the one-time code with which the borrower signs.
type SigningCodeIssued struct {
	OnApplication
	AgreementID uuid.UUID `json:"agreement_id"`
	// SealedCode is encrypted and bound to the customer id.
	SealedCode string    `json:"sealed_code"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// Type implements Event.
func (SigningCodeIssued) Type() string { return "agreement.signing_code.issued.v1" }

// AgreementUploaded says that a copy signed by hand waits for review.
type AgreementUploaded struct {
	OnApplication
	AgreementID uuid.UUID `json:"agreement_id"`
	SHA256      string    `json:"sha256"`
}

// Type implements Event.
func (AgreementUploaded) Type() string { return "agreement.uploaded.v1" }

// AgreementReturned says that a copy signed by hand was not accepted: the
// borrower may sign again.
type AgreementReturned struct {
	OnApplication
	AgreementID uuid.UUID `json:"agreement_id"`
	// SHA256 is the hash of the copy.
	SHA256 string `json:"sha256"`
	Reason string `json:"reason"`
}

// Type implements Event.
func (AgreementReturned) Type() string { return "agreement.returned.v1" }

// AgreementSigned says that the contract is concluded: the loan may be activated.
type AgreementSigned struct {
	OnApplication
	Offer
	AgreementID uuid.UUID `json:"agreement_id"`
	// Method is ESIGN or UPLOAD.
	Method   string    `json:"method"`
	SHA256   string    `json:"sha256"`
	SignedAt time.Time `json:"signed_at"`
}

// Type implements Event.
func (AgreementSigned) Type() string { return "agreement.signed.v1" }
