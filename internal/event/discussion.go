package event

import (
	"encoding/json"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
)

// Offer is what the lender puts to the borrower, and the terms that bind
// everything after: the schedule hash must match whoever computes it again.
type Offer struct {
	OfferID uuid.UUID `json:"offer_id"`
	// Product is the code of the product that was applied for; offers made before
	// it travelled have none.
	Product string `json:"product,omitempty"`
	// ProductVersion is the version of the product that was chosen with the offer
	// and LateFee the late fee of that version, which are as binding as the terms. 0
	// is the built-in version; offers made before it travelled have none.
	ProductVersion *int64  `json:"product_version,omitempty"`
	LateFee        LateFee `json:"late_fee,omitzero"`
	// Terms is an amortization.Terms in JSON.
	Terms json.RawMessage `json:"terms"`
	// ScheduleHash is SHA-256 over the schedule, in hex.
	ScheduleHash string       `json:"schedule_hash"`
	Principal    money.Amount `json:"principal"`
	Instalment   money.Amount `json:"instalment"`
	// APRPercent is the annual percentage rate, a decimal string with two decimals.
	APRPercent string `json:"apr_percent"`
	// ValidUntil is the last business date on which it can be accepted.
	ValidUntil civil.Date `json:"valid_until"`
}

// OfferMade says that an officer made an offer.
type OfferMade struct {
	OnApplication
	Offer
}

// Type implements Event.
func (OfferMade) Type() string { return "offer.made.v1" }

// OfferAccepted says that the borrower agreed to exactly these terms.
type OfferAccepted struct {
	OnApplication
	Offer
	// OfficerID made the offer; whoever approves it must be somebody else.
	OfficerID uuid.UUID `json:"officer_id"`
}

// Type implements Event.
func (OfferAccepted) Type() string { return "offer.accepted.v1" }

// OfferDeclined says that the borrower does not want the loan.
type OfferDeclined struct {
	OnApplication
	OfferID uuid.UUID `json:"offer_id"`
	Reason  string    `json:"reason"`
}

// Type implements Event.
func (OfferDeclined) Type() string { return "offer.declined.v1" }

// OfferExpired says that an offer was not answered in time.
type OfferExpired struct {
	OnApplication
	OfferID uuid.UUID `json:"offer_id"`
}

// Type implements Event.
func (OfferExpired) Type() string { return "offer.expired.v1" }
