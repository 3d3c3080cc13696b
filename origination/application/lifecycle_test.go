package application

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/event"
)

// story is what really happens to an application, as each topic tells it in order.
type story struct {
	origination, servicing []event.Event
	stage                  event.Stage
	outcome                event.Outcome
}

// toAgreement is the way of an application that is turned down nowhere.
var toAgreement = []event.Event{
	event.DocumentUploaded{},
	event.ApplicationSubmitted{},
	event.KYCAssigned{},
	event.KYCVerified{},
	event.KYCApproved{},
	event.RiskAssessed{},
	event.RiskApproved{},
	event.OfferMade{},
	event.OfferAccepted{},
	event.ApprovalRecorded{},
	event.ApprovalRecorded{},
	event.ApprovalGranted{},
	event.AgreementGenerated{},
	event.AgreementUploaded{},
	event.AgreementSigned{},
}

var toRepayment = []event.Event{event.LoanActivated{}, event.DisbursementCompleted{}, event.PaymentOverdue{}}

func until(way []event.Event, last event.Event, then ...event.Event) []event.Event {
	i := slices.IndexFunc(way, func(e event.Event) bool { return e.Type() == last.Type() })
	return append(slices.Clone(way[:i+1]), then...)
}

var stories = map[string]story{
	"waits for documents": {toAgreement[:1], nil, event.StageInput, ""},
	"KYC rejected": {
		until(toAgreement, event.KYCVerified{}, event.KYCRejected{}), nil,
		event.StageClosed, event.OutcomeKYCRejected,
	},
	"risk rejected": {
		until(toAgreement, event.RiskAssessed{}, event.RiskRejected{}), nil,
		event.StageClosed, event.OutcomeRiskRejected,
	},
	"declined": {
		until(toAgreement, event.OfferMade{}, event.OfferDeclined{}), nil,
		event.StageClosed, event.OutcomeDeclined,
	},
	"expired": {
		until(toAgreement, event.OfferMade{}, event.OfferExpired{}), nil,
		event.StageClosed, event.OutcomeExpired,
	},
	"approval rejected": {
		until(toAgreement, event.ApprovalRecorded{}, event.ApprovalRejected{}), nil,
		event.StageClosed, event.OutcomeApprovalRejected,
	},
	"waits for the loan":   {toAgreement, nil, event.StageActivation, ""},
	"waits for the payout": {toAgreement, toRepayment[:1], event.StageActivation, ""},
	"payout failed": {
		toAgreement, until(toRepayment, event.LoanActivated{}, event.DisbursementFailed{}),
		event.StageClosed, event.OutcomeDisbursementFailed,
	},
	"in repayment": {toAgreement, toRepayment, event.StageRepayment, ""},
	"fully repaid": {
		toAgreement, until(toRepayment, event.PaymentOverdue{}, event.LoanFullyRepaid{}),
		event.StageRepayment, "",
	},
	"repaid and closed": {
		toAgreement, until(toRepayment, event.PaymentOverdue{}, event.LoanFullyRepaid{}, event.LoanCompleted{}),
		event.StageClosed, event.OutcomeRepaid,
	},
}

// merged draws an order in which both topics may be read: each keeps its own.
func merged(t *rapid.T, a, b []event.Event) []event.Event {
	order := make([]event.Event, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		if len(b) == 0 || (len(a) > 0 && rapid.Bool().Draw(t, "origination next")) {
			order, a = append(order, a[0]), a[1:]
			continue
		}
		order, b = append(order, b[0]), b[1:]
	}
	return order
}

// TestEveryInterleavingEndsAlike reads each story in any order that Kafka may
// deliver it: the end is the same, no step goes back, everything is recorded.
func TestEveryInterleavingEndsAlike(t *testing.T) {
	t.Parallel()
	for name, s := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				order := merged(t, s.origination, s.servicing)
				c := change{app: Application{Stage: event.StageInput}, now: time.Unix(0, 0)}
				for _, e := range order {
					c.note(fact{event: e.Type()})
				}
				if c.app.Stage != s.stage || c.app.Outcome != s.outcome {
					t.Fatalf("ends at %s %s, want %s %s", c.app.Stage, c.app.Outcome, s.stage, s.outcome)
				}
				checkMoves(t, c)
				if len(c.entries) != len(order) || c.app.entries != int64(len(order)) {
					t.Fatalf("%d entries for %d events", len(c.entries), len(order))
				}
			})
		})
	}
}

// TestNoOrderGoesBack feeds events in orders that cannot happen.
func TestNoOrderGoesBack(t *testing.T) {
	t.Parallel()
	all := append(slices.Clone(toAgreement), toRepayment...)
	all = append(all, event.KYCRejected{}, event.RiskRejected{}, event.OfferDeclined{}, event.OfferExpired{},
		event.ApprovalRejected{}, event.DisbursementFailed{}, event.LoanFullyRepaid{}, event.LoanCompleted{})
	rapid.Check(t, func(t *rapid.T) {
		c := change{app: Application{Stage: event.StageInput}, now: time.Unix(0, 0)}
		for _, e := range rapid.SliceOfN(rapid.SampledFrom(all), 1, 40).Draw(t, "events") {
			before := c.app
			c.note(fact{event: e.Type()})
			if before.Stage == event.StageClosed && (c.app.Stage != before.Stage || c.app.Outcome != before.Outcome) {
				t.Fatalf("%s reopened a closed application", e.Type())
			}
		}
		checkMoves(t, c)
	})
}

// checkMoves wants the announced moves to form one chain that only goes
// forward, each with its entry, and an outcome exactly at the end.
func checkMoves(t *rapid.T, c change) {
	at := event.StageInput
	for _, announced := range c.events {
		moved, ok := announced.(event.ApplicationStageChanged)
		if !ok {
			t.Fatalf("announced %s", announced.Type())
		}
		if moved.From != at || rank(moved.To) <= rank(at) {
			t.Fatalf("announced %s to %s at %s", moved.From, moved.To, at)
		}
		if (moved.To == event.StageClosed) != (moved.Outcome != "") {
			t.Fatalf("%s with outcome %q", moved.To, moved.Outcome)
		}
		at = moved.To
	}
	if at != c.app.Stage {
		t.Fatalf("announced as far as %s, is at %s", at, c.app.Stage)
	}
	moves := 0
	for _, entry := range c.entries {
		if entry.Entered != "" {
			moves++
		}
	}
	if moves != len(c.events) {
		t.Fatalf("%d entries with a move, %d announced", moves, len(c.events))
	}
}

// TestAdvance has the corners: a decision that was overtaken, an early loan.
func TestAdvance(t *testing.T) {
	t.Parallel()
	tests := []struct {
		at      event.Stage
		event   event.Event
		to      event.Stage
		outcome event.Outcome
	}{
		{event.StageInput, event.DocumentUploaded{}, event.StageInput, ""},
		{event.StageKYC, event.KYCApproved{}, event.StageRisk, ""},
		{event.StageRisk, event.KYCApproved{}, event.StageRisk, ""},
		{event.StageAgreement, event.LoanActivated{}, event.StageActivation, ""},
		{event.StageAgreement, event.DisbursementCompleted{}, event.StageRepayment, ""},
		{event.StageRepayment, event.AgreementSigned{}, event.StageRepayment, ""},
		{event.StageKYC, event.KYCRejected{}, event.StageClosed, event.OutcomeKYCRejected},
		{event.StageRisk, event.KYCRejected{}, event.StageRisk, ""},
		{event.StageRepayment, event.RiskRejected{}, event.StageRepayment, ""},
		{event.StageApproval, event.OfferExpired{}, event.StageApproval, ""},
		{event.StageActivation, event.ApprovalRejected{}, event.StageActivation, ""},
		{event.StageRepayment, event.DisbursementFailed{}, event.StageRepayment, ""},
		{event.StageAgreement, event.LoanCompleted{}, event.StageClosed, event.OutcomeRepaid},
		{event.StageClosed, event.LoanCompleted{}, event.StageClosed, ""},
	}
	for _, tc := range tests {
		to, outcome, moves := advance(tc.at, steps[tc.event.Type()])
		if to != tc.to || outcome != tc.outcome || moves != (tc.to != tc.at) {
			t.Errorf("%s at %s leads to %s %q (moves: %t), want %s %q",
				tc.event.Type(), tc.at, to, outcome, moves, tc.to, tc.outcome)
		}
	}
}

// TestStepsAreOfSubscribedEvents catches a step that could never happen.
func TestStepsAreOfSubscribedEvents(t *testing.T) {
	t.Parallel()
	known := make(map[string]bool)
	for _, events := range event.Catalogue {
		for _, e := range events {
			known[e.Type()] = true
		}
	}
	for name, s := range steps {
		if !known[name] {
			t.Errorf("%s is in no catalogue", name)
		}
		if rank(s.to) < 0 || (s.outcome != "") != (s.to == event.StageClosed) {
			t.Errorf("%s leads to %q with outcome %q", name, s.to, s.outcome)
		}
	}
}

func TestStagesOf(t *testing.T) {
	t.Parallel()
	second := func(n int64) time.Time { return time.Unix(n, 0) }
	got := stagesOf([]Entry{
		{Entered: event.StageInput, At: second(10)},
		{Entered: event.StageKYC, At: second(20)},
		{Entered: event.StageClosed, Outcome: event.OutcomeKYCRejected, At: second(19)}, // a slow clock
	})
	if len(got) != 3 || !got[0].LeftAt.Equal(second(20)) || !got[1].LeftAt.Equal(second(20)) || got[2].LeftAt != nil {
		t.Errorf("stages %+v", got)
	}
}

func TestLoanIsJoinedOnce(t *testing.T) {
	t.Parallel()
	first, second := uuid.New(), uuid.New()
	c := change{app: Application{Request: Request{Amount: mustParse("INR", "100")}}}
	c.joinLoan(uuid.Nil, mustParse("INR", "0"))
	if c.app.LoanID != nil {
		t.Fatal("joined to no loan")
	}
	c.joinLoan(first, mustParse("INR", "90"))
	c.joinLoan(second, mustParse("EUR", "80"))
	if *c.app.LoanID != first || c.app.Principal != mustParse("INR", "90") {
		t.Errorf("joined to %s with %s", c.app.LoanID, c.app.Principal)
	}
}
