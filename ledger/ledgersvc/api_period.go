package ledgersvc

import (
	"context"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

type periodEvent struct {
	ID         uuid.UUID             `json:"id" format:"uuid"`
	Action     ledgerdb.PeriodAction `json:"action" enum:"CLOSE,REOPEN"`
	Through    civil.Date            `json:"through" format:"date" doc:"Last closed day from then on"`
	RecordedAt time.Time             `json:"recorded_at"`
	By         string                `json:"by"`
	Reason     string                `json:"reason"`
	Totals     []trialTotal          `json:"totals" nullable:"false" doc:"Trial balance by booking date at a closing"`
}

func periodEventOf(e ledgerdb.PeriodEvent) periodEvent {
	return periodEvent{
		ID: e.ID, Action: e.Action, Through: e.Through, RecordedAt: e.RecordedAt, By: e.By, Reason: e.Reason,
		Totals: totalsOf(e.Totals),
	}
}

type periodsOutput struct {
	Body struct {
		ClosedThrough civil.Date    `json:"closed_through" format:"date" doc:"Last closed day; 1899-12-31 when none is"`
		Events        []periodEvent `json:"events" nullable:"false"`
	}
}

func (s *Service) periods(ctx context.Context, _ *struct{}) (*periodsOutput, error) {
	return read(ctx, s, func(tx database.Tx) (*periodsOutput, error) {
		out := &periodsOutput{}
		var err error
		out.Body.ClosedThrough, err = ledgerdb.ClosedThrough(ctx, tx)
		if err != nil {
			return nil, err
		}
		events, err := ledgerdb.PeriodEvents(ctx, tx, httpapi.PageSizeMax)
		if err != nil {
			return nil, err
		}
		out.Body.Events = make([]periodEvent, len(events))
		for i, e := range events {
			out.Body.Events[i] = periodEventOf(e)
		}
		return out, nil
	})
}

type periodInput struct {
	Body struct {
		Through civil.Date `json:"through" format:"date" doc:"Last closed day from then on"`
		Reason  string     `json:"reason" minLength:"1" maxLength:"500" example:"Month end, reviewed"`
	}
}

type periodOutput struct{ Body periodEvent }

func (s *Service) closePeriod(ctx context.Context, in *periodInput) (*periodOutput, error) {
	return s.period(ctx, in, s.ClosePeriod)
}

func (s *Service) reopenPeriod(ctx context.Context, in *periodInput) (*periodOutput, error) {
	return s.period(ctx, in, s.ReopenPeriod)
}

type periodAction func(
	ctx context.Context, actor access.Actor, key command.Key, through civil.Date, reason string,
) (command.Result[ledgerdb.PeriodEvent], error)

func (s *Service) period(ctx context.Context, in *periodInput, action periodAction) (*periodOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := action(ctx, httpapi.Actor(ctx), key, in.Body.Through, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return &periodOutput{Body: periodEventOf(httpapi.Reply(ctx, result))}, nil
}
