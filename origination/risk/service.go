package risk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

// Errors of the service, for errors.Is.
var (
	// ErrNotAssessed means the application has no assessment yet.
	ErrNotAssessed = errors.New("application is not assessed yet")
	// ErrDecided means another decision was made before.
	ErrDecided = errors.New("application is decided already")
	// ErrInvalid is matched by every FieldError.
	ErrInvalid = errors.New("invalid decision")
)

// FieldError is a value of a request that cannot be accepted.
type FieldError struct {
	Field   string
	Message string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// FieldName returns the name of the field in the request.
func (e *FieldError) FieldName() string { return e.Field }

// Is makes every FieldError match ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// Outcome is what the risk manager decides.
type Outcome string

// The outcomes.
const (
	Approve Outcome = "APPROVE"
	Reject  Outcome = "REJECT"
)

// Ruling is what a risk manager asks to be recorded.
type Ruling struct {
	Outcome Outcome `json:"outcome"`
	// MaxAmount bounds the offer; the zero Amount for a rejection.
	MaxAmount money.Amount `json:"max_amount,omitzero"`
	// Reasons are told to the applicant; one to ReasonsMax for a rejection.
	Reasons []Reason `json:"reasons"`
	Comment string   `json:"comment"`
}

// Decision is a ruling as it was recorded. MaxAmount is zero for a rejection.
type Decision struct {
	Outcome   Outcome      `json:"outcome"`
	MaxAmount money.Amount `json:"max_amount"`
	Reasons   []Reason     `json:"reasons"`
	Comment   string       `json:"comment"`
	DecidedBy uuid.UUID    `json:"decided_by"`
	DecidedAt time.Time    `json:"decided_at"`
}

// Report is all that is known of an application's risk. Decision is nil until
// it is made.
type Report struct {
	CustomerID uuid.UUID
	Assessment Assessment
	Decision   *Decision
}

// Service assesses applications and records decisions.
type Service struct {
	env *app.Env
}

// New describes the service.
func New(env *app.Env) (*app.Component, error) {
	s := &Service{env: env}
	return &app.Component{
		Routes:        s.routes,
		Subscriptions: append(casefile.Subscriptions(), s.subscriptions()...),
	}, nil
}

// Assess returns the assessment of an application, making it if there is none.
func (s *Service) Assess(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID,
) (command.Result[Assessment], error) {
	c := command.Command{Name: "risk.assess", Actor: actor, Subject: applicationID, Key: key}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Assessment, error) {
		file, err := casefile.Visible(ctx, tx, actor, applicationID, access.System)
		if err != nil {
			return Assessment{}, err
		}
		k, found, err := findIntake(ctx, tx, applicationID)
		if err != nil {
			return Assessment{}, err
		}
		if !found || !k.kycApproved {
			return Assessment{}, file.Wrong(event.StageRisk)
		}
		return s.assess(ctx, tx, k, now)
	})
}

func (s *Service) assess(ctx context.Context, tx database.Tx, k intake, now time.Time) (Assessment, error) {
	a, done, err := findAssessment(ctx, tx, k.inputs.ApplicationID)
	if err != nil || done {
		return a, err
	}
	a, err = Assess(k.inputs, policyVersion, now)
	if err != nil {
		return Assessment{}, err
	}
	if err := insertAssessment(ctx, tx, a); err != nil {
		return Assessment{}, err
	}
	return a, s.env.Outbox.Append(ctx, tx, now, event.RiskAssessed{
		OnApplication: event.OnApplication{ApplicationID: k.inputs.ApplicationID, CustomerID: k.customerID},
		Score:         a.Score, Band: a.Band, PolicyVersion: a.PolicyVersion, Reasons: codes(a.Reasons),
	})
}

// Report returns the assessment and, once made, the decision.
func (s *Service) Report(ctx context.Context, actor access.Actor, applicationID uuid.UUID) (Report, error) {
	var report Report
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		file, err := casefile.Visible(ctx, tx, actor, applicationID, access.Officer, access.RiskMgr)
		if err != nil {
			return err
		}
		a, found, err := findAssessment(ctx, tx, applicationID)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%w: %s", ErrNotAssessed, applicationID)
		}
		report = Report{CustomerID: file.CustomerID, Assessment: a}
		d, decided, err := findDecision(ctx, tx, applicationID)
		if decided {
			report.Decision = &d
		}
		return err
	})
	return report, err
}

// Decide records the risk manager's ruling. Recording the same ruling again is
// harmless; another one is ErrDecided.
func (s *Service) Decide(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID, ruling Ruling,
) (command.Result[Decision], error) {
	c := command.Command{Name: "risk.decide", Actor: actor, Subject: applicationID, Key: key, Detail: ruling}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Decision, error) {
		file, err := casefile.Visible(ctx, tx, actor, applicationID, access.RiskMgr)
		if err != nil {
			return Decision{}, err
		}
		a, found, err := findAssessment(ctx, tx, applicationID)
		if err != nil {
			return Decision{}, err
		}
		if !found {
			return Decision{}, notAssessed(file)
		}
		if err := ruling.check(a); err != nil {
			return Decision{}, err
		}
		d := ruling.decision(a, actor, now)
		earlier, decided, err := findDecision(ctx, tx, applicationID)
		if err != nil {
			return Decision{}, err
		}
		if decided {
			return earlier, earlier.sameAs(d)
		}
		if err := insertDecision(ctx, tx, applicationID, d); err != nil {
			return Decision{}, err
		}
		return d, s.env.Outbox.Append(ctx, tx, now, d.event(file, a))
	})
}

// notAssessed names the stage when that is what is wrong.
func notAssessed(file casefile.Case) error {
	if err := file.Need(event.StageRisk); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrNotAssessed, file.ApplicationID)
}

// check holds the ruling against the assessment that it rules on.
func (r Ruling) check(a Assessment) error {
	switch r.Outcome {
	case Approve:
		return r.checkApproval(a)
	case Reject:
		return r.checkRejection()
	}
	return &FieldError{"decision", "is neither APPROVE nor REJECT"}
}

func (r Ruling) checkApproval(a Assessment) error {
	applied := a.Inputs.Amount
	switch {
	case len(r.Reasons) > 0:
		return &FieldError{"reasons", "belong to a rejection"}
	case r.MaxAmount.Currency() != applied.Currency():
		return &FieldError{"max_amount", "is needed, in " + applied.Currency().Code()}
	case !r.MaxAmount.IsPositive():
		return &FieldError{"max_amount", "must be above zero"}
	case r.MaxAmount.Minor() > applied.Minor():
		return &FieldError{"max_amount", "exceeds " + applied.String() + ", the amount applied for and assessed"}
	case a.Recommendation == RecommendReject && strings.TrimSpace(r.Comment) == "":
		return &FieldError{"comment", "is needed to approve against the recommendation of the policy"}
	}
	return nil
}

func (r Ruling) checkRejection() error {
	switch {
	case r.MaxAmount != money.Amount{}:
		return &FieldError{"max_amount", "belongs to an approval"}
	case len(r.Reasons) == 0 || len(r.Reasons) > ReasonsMax:
		return &FieldError{"reasons", fmt.Sprintf("needs 1 to %d specific reasons", ReasonsMax)}
	}
	for i, reason := range r.Reasons {
		if _, known := ReasonTexts[reason]; !known {
			return &FieldError{fmt.Sprintf("reasons[%d]", i), "is no known reason"}
		}
		if slices.Contains(r.Reasons[:i], reason) {
			return &FieldError{fmt.Sprintf("reasons[%d]", i), "is given twice"}
		}
	}
	return nil
}

func (r Ruling) decision(a Assessment, actor access.Actor, now time.Time) Decision {
	d := Decision{
		Outcome: r.Outcome, MaxAmount: r.MaxAmount, Reasons: slices.Clone(r.Reasons), Comment: r.Comment,
		DecidedBy: actor.ID, DecidedAt: now,
	}
	if d.Outcome == Reject {
		d.MaxAmount = money.Zero(a.Inputs.Amount.Currency())
	}
	if d.Reasons == nil {
		d.Reasons = []Reason{}
	}
	return d
}

// sameAs returns nil when again says what d says, whoever says it.
func (d Decision) sameAs(again Decision) error {
	if d.Outcome == again.Outcome && d.MaxAmount == again.MaxAmount && slices.Equal(d.Reasons, again.Reasons) {
		return nil
	}
	return fmt.Errorf("%w: %s at %s", ErrDecided, d.Outcome, d.DecidedAt.Format(time.RFC3339))
}

func (d Decision) event(file casefile.Case, a Assessment) event.Event {
	on := event.OnApplication{ApplicationID: file.ApplicationID, CustomerID: file.CustomerID}
	if d.Outcome == Reject {
		return event.RiskRejected{OnApplication: on, Reasons: codes(d.Reasons), DecidedBy: d.DecidedBy}
	}
	return event.RiskApproved{OnApplication: on, Band: a.Band, MaxAmount: d.MaxAmount, DecidedBy: d.DecidedBy}
}

func codes(reasons []Reason) []string {
	list := make([]string, len(reasons))
	for i, r := range reasons {
		list[i] = string(r)
	}
	return list
}
