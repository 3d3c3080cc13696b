package application

import (
	"context"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

// List returns at most limit applications after a position, newest first, and
// whether more follow. Staff see everybody's, others their own.
func (s *Service) List(
	ctx context.Context, actor access.Actor, f Filter, after Position, limit int,
) ([]Application, bool, error) {
	if !actor.Has(access.Staff...) {
		if f.Customer != uuid.Nil && f.Customer != actor.ID {
			return nil, false, nil
		}
		f.Customer = actor.ID
	}
	var list []Application
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		list, err = listApplications(ctx, tx, f, after, limit+1)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}

// Dashboard is the state of all applications at one instant.
type Dashboard struct {
	AsOf time.Time
	// Total counts every application.
	Total int64
	// Stages and Outcomes count by each stage and outcome, zeros included.
	Stages   []Count[event.Stage]
	Outcomes []Count[event.Outcome]
	// Amounts has one row for each currency that occurs.
	Amounts []Amounts
	// Activity counts the moves of today and of the last seven days.
	Activity []Activity
}

// Count is how many applications are at a place.
type Count[T ~string] struct {
	Name  T
	Count int64
}

// Amounts are sums in one currency.
type Amounts struct {
	// Requested is what applications under way ask for, Lending the principal
	// of loans in repayment, Repaid that of loans repaid.
	Requested, Lending, Repaid money.Amount
}

// outcomes lists the outcomes in the order of the lifecycle.
var outcomes = []event.Outcome{
	event.OutcomeKYCRejected, event.OutcomeRiskRejected, event.OutcomeDeclined, event.OutcomeExpired,
	event.OutcomeApprovalRejected, event.OutcomeDisbursementFailed, event.OutcomeRepaid,
}

const weekDays = 7

// Dashboard counts all applications in one snapshot.
func (s *Service) Dashboard(ctx context.Context) (Dashboard, error) {
	now := s.now().UTC()
	today := civil.DateOf(now)
	var tallies []tally
	var activity []Activity
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		if tallies, err = countApplications(ctx, tx); err != nil {
			return err
		}
		activity, err = countMoves(ctx, tx, today.In(time.UTC), today.AddDays(1-weekDays).In(time.UTC))
		return err
	})
	if err != nil {
		return Dashboard{}, err
	}
	slices.SortStableFunc(activity, func(a, b Activity) int { return rank(a.Entered) - rank(b.Entered) })
	board, err := summarise(tallies)
	board.AsOf, board.Activity = now, activity
	return board, err
}

// summarise adds up the tallies.
func summarise(tallies []tally) (Dashboard, error) {
	var board Dashboard
	stages, ends := map[event.Stage]int64{}, map[event.Outcome]int64{}
	sums := map[money.Currency]*Amounts{}
	var currencies []money.Currency
	for _, t := range tallies {
		board.Total += t.count
		stages[t.stage] += t.count
		ends[t.outcome] += t.count
		currency := t.amount.Currency()
		if sums[currency] == nil {
			zero := money.Zero(currency)
			sums[currency] = &Amounts{Requested: zero, Lending: zero, Repaid: zero}
			currencies = append(currencies, currency)
		}
		if err := sums[currency].add(t); err != nil {
			return Dashboard{}, err
		}
	}
	slices.SortFunc(currencies, func(a, b money.Currency) int { return strings.Compare(a.Code(), b.Code()) })
	for _, stage := range event.Stages {
		board.Stages = append(board.Stages, Count[event.Stage]{stage, stages[stage]})
	}
	for _, outcome := range outcomes {
		board.Outcomes = append(board.Outcomes, Count[event.Outcome]{outcome, ends[outcome]})
	}
	for _, currency := range currencies {
		board.Amounts = append(board.Amounts, *sums[currency])
	}
	return board, nil
}

func (a *Amounts) add(t tally) error {
	var err error
	switch {
	case open(t.stage):
		a.Requested, err = a.Requested.Add(t.amount)
	case t.stage == event.StageRepayment:
		a.Lending, err = a.Lending.Add(t.lending)
	case t.outcome == event.OutcomeRepaid:
		a.Repaid, err = a.Repaid.Add(t.lending)
	}
	return err
}
