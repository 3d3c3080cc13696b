package event

import "github.com/tenor-lending/tenor/internal/money"

// ApplicationCreated says that a borrower began an application.
type ApplicationCreated struct {
	OnApplication
	Product     string       `json:"product"`
	Amount      money.Amount `json:"amount"`
	Instalments int          `json:"instalments"`
	Purpose     string       `json:"purpose"`
}

// Type implements Event.
func (ApplicationCreated) Type() string { return "application.created.v1" }

// ApplicationSubmitted says that an application has all it needs (identity
// data, required documents) and may be reviewed.
type ApplicationSubmitted struct {
	OnApplication
	Product            string       `json:"product"`
	Amount             money.Amount `json:"amount"`
	Instalments        int          `json:"instalments"`
	Purpose            string       `json:"purpose"`
	MonthlyIncome      money.Amount `json:"monthly_income"`
	MonthlyObligations money.Amount `json:"monthly_obligations"`
}

// Type implements Event.
func (ApplicationSubmitted) Type() string { return "application.submitted.v1" }

// Stage is where an application stands in its life.
type Stage string

// The stages, in order.
const (
	StageInput      Stage = "INPUT"
	StageKYC        Stage = "KYC_REVIEW"
	StageRisk       Stage = "RISK_ASSESSMENT"
	StageDiscussion Stage = "DISCUSSION"
	StageApproval   Stage = "APPROVAL"
	StageAgreement  Stage = "AGREEMENT"
	StageActivation Stage = "ACTIVATION"
	StageRepayment  Stage = "REPAYMENT"
	StageClosed     Stage = "CLOSED"
)

// Stages lists the stages in order.
var Stages = []Stage{
	StageInput, StageKYC, StageRisk, StageDiscussion, StageApproval, StageAgreement, StageActivation, StageRepayment,
	StageClosed,
}

// Outcome is how an application ended.
type Outcome string

// The outcomes of a closed application.
const (
	OutcomeRepaid             Outcome = "REPAID"
	OutcomeKYCRejected        Outcome = "KYC_REJECTED"
	OutcomeRiskRejected       Outcome = "RISK_REJECTED"
	OutcomeDeclined           Outcome = "DECLINED"
	OutcomeExpired            Outcome = "EXPIRED"
	OutcomeApprovalRejected   Outcome = "APPROVAL_REJECTED"
	OutcomeDisbursementFailed Outcome = "DISBURSEMENT_FAILED"
)

// ApplicationStageChanged says that an application moved on. Stage services
// keep it as their projection of where each application stands.
type ApplicationStageChanged struct {
	OnApplication
	From Stage `json:"from"`
	To   Stage `json:"to"`
	// Outcome is set when To is CLOSED.
	Outcome Outcome `json:"outcome,omitempty"`
}

// Type implements Event.
func (ApplicationStageChanged) Type() string { return "application.stage.changed.v1" }
