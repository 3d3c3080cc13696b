package application

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

type timelineInput struct {
	PathInput
	httpapi.PageInput
}

type stageBody struct {
	Stage     event.Stage   `json:"stage" enum:"INPUT,KYC_REVIEW,RISK_ASSESSMENT,DISCUSSION,APPROVAL,AGREEMENT,ACTIVATION,REPAYMENT,CLOSED"`
	Outcome   event.Outcome `json:"outcome,omitempty" doc:"How the application ended, when the stage is CLOSED"`
	EnteredAt time.Time     `json:"entered_at"`
	LeftAt    *time.Time    `json:"left_at,omitempty" doc:"Absent for the stage where the application stands"`
}

type entryBody struct {
	At         time.Time     `json:"at" doc:"When it happened"`
	RecordedAt time.Time     `json:"recorded_at" doc:"When it was learnt here"`
	Event      string        `json:"event" example:"offer.accepted.v1" doc:"Type of the event"`
	Role       access.Role   `json:"actor_role" example:"CUSTOMER" doc:"Who acted"`
	Sentence   string        `json:"sentence" example:"The borrower accepted the offer."`
	From       event.Stage   `json:"from,omitempty" doc:"The stage that was left, if one was"`
	To         event.Stage   `json:"to,omitempty" doc:"The stage that was entered, if one was"`
	Outcome    event.Outcome `json:"outcome,omitempty"`
}

type timelineOutput struct {
	Body struct {
		ApplicationID uuid.UUID     `json:"application_id" format:"uuid"`
		LoanID        *uuid.UUID    `json:"loan_id,omitempty" format:"uuid"`
		Stage         event.Stage   `json:"stage"`
		Outcome       event.Outcome `json:"outcome,omitempty"`
		Stages        []stageBody   `json:"stages" nullable:"false" doc:"Every stage so far, first to last"`
		Events        []entryBody   `json:"events" nullable:"false"`
		NextCursor    string        `json:"next_cursor,omitempty" doc:"Absent on the last page"`
	}
}

func (s *Service) timeline(ctx context.Context, in *timelineInput) (*timelineOutput, error) {
	var after EntryPosition
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	line, err := s.Timeline(ctx, httpapi.Actor(ctx), in.ID, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &timelineOutput{}
	out.Body.ApplicationID, out.Body.LoanID = line.ID, line.LoanID
	out.Body.Stage, out.Body.Outcome = line.Stage, line.Outcome
	out.Body.Stages = stagesOf(line.Moves)
	out.Body.Events = make([]entryBody, len(line.Entries))
	for i, e := range line.Entries {
		out.Body.Events[i] = entryBody{
			At: e.At, RecordedAt: e.RecordedAt, Event: e.Event, Role: e.Role, Sentence: e.Sentence,
			From: e.Left, To: e.Entered, Outcome: e.Outcome,
		}
	}
	if line.More {
		last := line.Entries[len(line.Entries)-1]
		out.Body.NextCursor, err = httpapi.EncodeCursor(EntryPosition{At: last.At, Seq: last.Seq})
	}
	return out, err
}

// stagesOf gives each stage the time from its entry to the next one's. Clocks
// of different services differ a little; no stage ends before it begins.
func stagesOf(moves []Entry) []stageBody {
	stages := make([]stageBody, len(moves))
	for i, move := range moves {
		stages[i] = stageBody{Stage: move.Entered, Outcome: move.Outcome, EnteredAt: move.At}
		if i+1 < len(moves) {
			left := moves[i+1].At
			if left.Before(move.At) {
				left = move.At
			}
			stages[i].LeftAt = &left
		}
	}
	return stages
}

type listInput struct {
	httpapi.PageInput
	Stage    event.Stage   `query:"stage" enum:"INPUT,KYC_REVIEW,RISK_ASSESSMENT,DISCUSSION,APPROVAL,AGREEMENT,ACTIVATION,REPAYMENT,CLOSED" doc:"Only this stage"`
	Outcome  event.Outcome `query:"outcome" enum:"REPAID,KYC_REJECTED,RISK_REJECTED,DECLINED,EXPIRED,APPROVAL_REJECTED,DISBURSEMENT_FAILED" doc:"Only this outcome"`
	Customer uuid.UUID     `query:"customer_id" format:"uuid" doc:"Only this borrower"`
}

type listOutput struct {
	Body struct {
		Items      []Summary `json:"items" nullable:"false"`
		NextCursor string    `json:"next_cursor,omitempty" doc:"Absent on the last page"`
	}
}

func (s *Service) list(ctx context.Context, in *listInput) (*listOutput, error) {
	var after Position
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	filter := Filter{Stage: in.Stage, Outcome: in.Outcome, Customer: in.Customer}
	found, more, err := s.List(ctx, httpapi.Actor(ctx), filter, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Items = make([]Summary, len(found))
	for i, a := range found {
		out.Body.Items[i] = summaryOf(a)
	}
	if more {
		last := found[len(found)-1]
		out.Body.NextCursor, err = httpapi.EncodeCursor(Position{CreatedAt: last.CreatedAt, ID: last.ID})
	}
	return out, err
}

type countBody struct {
	Name  string `json:"name" example:"DISCUSSION"`
	Count int64  `json:"count"`
}

type amountsBody struct {
	Currency  string        `json:"currency" example:"INR"`
	Requested httpapi.Money `json:"requested" doc:"What applications under way ask for"`
	Lending   httpapi.Money `json:"in_repayment" doc:"Principal of loans in repayment, as it was paid out"`
	Repaid    httpapi.Money `json:"repaid" doc:"Principal of loans that were repaid"`
}

type activityBody struct {
	Entered event.Stage   `json:"entered" doc:"The stage that was entered; INPUT stands for new applications"`
	Outcome event.Outcome `json:"outcome,omitempty" doc:"How applications ended, when the stage is CLOSED"`
	Today   int64         `json:"today" doc:"Since midnight UTC"`
	Week    int64         `json:"last_7_days" doc:"Today and the six days before"`
}

type dashboardOutput struct {
	Body struct {
		AsOf     time.Time      `json:"as_of"`
		Total    int64          `json:"total" doc:"All applications there ever were"`
		Stages   []countBody    `json:"stages" nullable:"false" doc:"Applications at each stage, in the order of the lifecycle"`
		Outcomes []countBody    `json:"outcomes" nullable:"false" doc:"Closed applications by how they ended"`
		Amounts  []amountsBody  `json:"amounts" nullable:"false" doc:"Sums per currency"`
		Activity []activityBody `json:"activity" nullable:"false" doc:"How many applications came to each stage lately"`
	}
}

func (s *Service) dashboard(ctx context.Context, _ *struct{}) (*dashboardOutput, error) {
	board, err := s.Dashboard(ctx)
	if err != nil {
		return nil, err
	}
	out := &dashboardOutput{}
	out.Body.AsOf, out.Body.Total = board.AsOf, board.Total
	out.Body.Stages, out.Body.Outcomes = countBodies(board.Stages), countBodies(board.Outcomes)
	out.Body.Amounts = make([]amountsBody, len(board.Amounts))
	for i, a := range board.Amounts {
		out.Body.Amounts[i] = amountsBody{
			Currency: a.Requested.Currency().Code(), Requested: httpapi.MoneyOf(a.Requested),
			Lending: httpapi.MoneyOf(a.Lending), Repaid: httpapi.MoneyOf(a.Repaid),
		}
	}
	out.Body.Activity = make([]activityBody, len(board.Activity))
	for i, a := range board.Activity {
		out.Body.Activity[i] = activityBody(a)
	}
	return out, nil
}

func countBodies[T ~string](counts []Count[T]) []countBody {
	bodies := make([]countBody, len(counts))
	for i, c := range counts {
		bodies[i] = countBody{Name: string(c.Name), Count: c.Count}
	}
	return bodies
}
