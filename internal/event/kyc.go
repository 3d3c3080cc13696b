package event

import "github.com/google/uuid"

// KYCAssigned says which officer reviews the applicant's identity.
type KYCAssigned struct {
	OnApplication
	OfficerID uuid.UUID `json:"officer_id"`
}

// Type implements Event.
func (KYCAssigned) Type() string { return "kyc.assigned.v1" }

// KYCVerified says that the officer checked the evidence.
type KYCVerified struct {
	OnApplication
	OfficerID uuid.UUID `json:"officer_id"`
	Passed    bool      `json:"passed"`
}

// Type implements Event.
func (KYCVerified) Type() string { return "kyc.verified.v1" }

// KYCApproved says that the applicant's identity is established.
type KYCApproved struct {
	OnApplication
	ManagerID uuid.UUID `json:"manager_id"`
}

// Type implements Event.
func (KYCApproved) Type() string { return "kyc.approved.v1" }

// KYCRejected says that it is not; the application ends.
type KYCRejected struct {
	OnApplication
	ManagerID uuid.UUID `json:"manager_id"`
	Reason    string    `json:"reason"`
}

// Type implements Event.
func (KYCRejected) Type() string { return "kyc.rejected.v1" }
