package application

import (
	"slices"

	"github.com/tenor-lending/tenor/internal/event"
)

// step is what an event does to the stage of its application.
type step struct {
	// to is where it leads.
	to event.Stage
	// outcome and until are set for steps that end an application: it ends only
	// while it is at until or before, so that a decision that was overtaken
	// cannot end a loan that runs.
	outcome event.Outcome
	until   event.Stage
}

// steps is the whole lifecycle, by type of event. Events without a row only
// leave a mark on the timeline.
var steps = map[string]step{
	event.ApplicationSubmitted{}.Type(): {to: event.StageKYC},
	event.KYCApproved{}.Type():          {to: event.StageRisk},
	event.RiskApproved{}.Type():         {to: event.StageDiscussion},
	event.OfferAccepted{}.Type():        {to: event.StageApproval},
	event.ApprovalGranted{}.Type():      {to: event.StageAgreement},
	event.AgreementSigned{}.Type():      {to: event.StageActivation},
	// A loan proves that the agreement is signed, even if that news is still
	// on its way by another topic.
	event.LoanActivated{}.Type():         {to: event.StageActivation},
	event.DisbursementCompleted{}.Type(): {to: event.StageRepayment},

	event.KYCRejected{}.Type():        ends(event.OutcomeKYCRejected, event.StageKYC),
	event.RiskRejected{}.Type():       ends(event.OutcomeRiskRejected, event.StageRisk),
	event.OfferDeclined{}.Type():      ends(event.OutcomeDeclined, event.StageDiscussion),
	event.OfferExpired{}.Type():       ends(event.OutcomeExpired, event.StageDiscussion),
	event.ApprovalRejected{}.Type():   ends(event.OutcomeApprovalRejected, event.StageApproval),
	event.DisbursementFailed{}.Type(): ends(event.OutcomeDisbursementFailed, event.StageActivation),
	event.LoanCompleted{}.Type():      ends(event.OutcomeRepaid, event.StageRepayment),
}

func ends(outcome event.Outcome, until event.Stage) step {
	return step{to: event.StageClosed, outcome: outcome, until: until}
}

// rank is the place of a stage in the lifecycle; no stage is before all.
func rank(stage event.Stage) int { return slices.Index(event.Stages, stage) }

// advance returns the stage and the outcome that follow current after s, and
// whether that is a move. A stage never goes back, and CLOSED is final.
func advance(current event.Stage, s step) (event.Stage, event.Outcome, bool) {
	overtaken := s.outcome != "" && rank(current) > rank(s.until)
	if s.to == "" || rank(s.to) <= rank(current) || overtaken {
		return current, "", false
	}
	return s.to, s.outcome, true
}
