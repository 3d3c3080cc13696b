package event

import (
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
)

// RiskAssessed says what the scoring policy makes of an application.
type RiskAssessed struct {
	OnApplication
	Score         int      `json:"score"`
	Band          string   `json:"band"`
	PolicyVersion string   `json:"policy_version"`
	Reasons       []string `json:"reasons"`
}

// Type implements Event.
func (RiskAssessed) Type() string { return "risk.assessed.v1" }

// RiskApproved says that an offer may be made, up to MaxAmount.
type RiskApproved struct {
	OnApplication
	Band      string       `json:"band"`
	MaxAmount money.Amount `json:"max_amount"`
	DecidedBy uuid.UUID    `json:"decided_by"`
}

// Type implements Event.
func (RiskApproved) Type() string { return "risk.approved.v1" }

// RiskRejected says that the risk is not taken; the application ends.
type RiskRejected struct {
	OnApplication
	Reasons   []string  `json:"reasons"`
	DecidedBy uuid.UUID `json:"decided_by"`
}

// Type implements Event.
func (RiskRejected) Type() string { return "risk.rejected.v1" }
