package event

import "github.com/google/uuid"

// ApprovalRecorded says that one level of approval said yes.
type ApprovalRecorded struct {
	OnApplication
	Level      string    `json:"level"`
	ApproverID uuid.UUID `json:"approver_id"`
}

// Type implements Event.
func (ApprovalRecorded) Type() string { return "approval.recorded.v1" }

// ApprovalGranted says that every level said yes.
type ApprovalGranted struct {
	OnApplication
	OfferID uuid.UUID `json:"offer_id"`
}

// Type implements Event.
func (ApprovalGranted) Type() string { return "approval.granted.v1" }

// ApprovalRejected says that one level said no; the application ends.
type ApprovalRejected struct {
	OnApplication
	Level      string    `json:"level"`
	ApproverID uuid.UUID `json:"approver_id"`
	Reason     string    `json:"reason"`
}

// Type implements Event.
func (ApprovalRejected) Type() string { return "approval.rejected.v1" }
