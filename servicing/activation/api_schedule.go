package activation

import (
	"context"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/servicing"
)

type instalmentBody struct {
	Number         int           `json:"number"`
	DueDate        civil.Date    `json:"due_date" format:"date"`
	Principal      httpapi.Money `json:"principal"`
	Interest       httpapi.Money `json:"interest"`
	Fees           httpapi.Money `json:"fees"`
	Total          httpapi.Money `json:"total" doc:"The instalment as signed"`
	OpeningBalance httpapi.Money `json:"opening_balance" doc:"Principal outstanding before it, by plan"`
	ClosingBalance httpapi.Money `json:"closing_balance" doc:"Principal outstanding after it, by plan"`
	Paid           httpapi.Money `json:"paid"`
	Open           httpapi.Money `json:"open" doc:"What is left to pay; a payoff cuts interest that is not earned"`
	Status         string        `json:"status" enum:"UPCOMING,DUE,OVERDUE,SETTLED,CANCELLED"`
}

type scheduleOutput struct {
	Body struct {
		LoanID            uuid.UUID        `json:"loan_id" format:"uuid"`
		ScheduleHash      string           `json:"schedule_hash" doc:"SHA-256 over terms and instalments, in hex"`
		BusinessDate      civil.Date       `json:"business_date" format:"date"`
		Principal         httpapi.Money    `json:"principal"`
		AnnualRatePercent string           `json:"annual_rate_percent" example:"15"`
		Method            string           `json:"method" example:"annuity"`
		DayCount          string           `json:"day_count"`
		DisbursementDate  civil.Date       `json:"disbursement_date" format:"date" doc:"As signed"`
		MaturityDate      civil.Date       `json:"maturity_date" format:"date"`
		TotalInterest     httpapi.Money    `json:"total_interest"`
		TotalDue          httpapi.Money    `json:"total_due" doc:"The sum of all instalments"`
		Instalments       []instalmentBody `json:"instalments" maxItems:"10000"`
	}
}

// statusOf says where an instalment stands on the business date.
func statusOf(l *servicing.Loan, row *servicing.Instalment, on civil.Date) string {
	switch {
	case l.Status == servicing.Cancelled:
		return "CANCELLED"
	case row.Open().IsZero():
		return "SETTLED"
	case row.Due.Before(on):
		return "OVERDUE"
	case row.Due == on:
		return "DUE"
	}
	return "UPCOMING"
}

func (s *Service) getSchedule(ctx context.Context, in *loanInput) (*scheduleOutput, error) {
	plan, err := s.Schedule(ctx, httpapi.Actor(ctx), in.LoanID)
	if err != nil {
		return nil, err
	}
	out := &scheduleOutput{}
	b, terms := &out.Body, plan.Schedule.Terms
	b.LoanID, b.ScheduleHash, b.BusinessDate = plan.Loan.ID, plan.Loan.ScheduleHash, plan.BusinessDate
	b.Principal, b.AnnualRatePercent = httpapi.MoneyOf(terms.Principal), terms.AnnualRatePercent.String()
	b.Method, b.DayCount = string(terms.Method), string(terms.DayCount)
	b.DisbursementDate, b.MaturityDate = terms.DisbursementDate, plan.Schedule.MaturityDate()
	totals := plan.Schedule.Totals
	b.TotalInterest, b.TotalDue = httpapi.MoneyOf(totals.Interest), httpapi.MoneyOf(totals.Total)
	b.Instalments = make([]instalmentBody, plan.Schedule.Len())
	for i, row := range plan.Schedule.All() {
		state := &plan.Loan.Instalments[i]
		b.Instalments[i] = instalmentBody{
			Number: row.Number, DueDate: row.Due, Principal: httpapi.MoneyOf(row.Principal),
			Interest: httpapi.MoneyOf(row.Interest), Fees: httpapi.MoneyOf(row.Fees), Total: httpapi.MoneyOf(row.Total),
			OpeningBalance: httpapi.MoneyOf(row.Opening), ClosingBalance: httpapi.MoneyOf(row.Closing),
			Paid: httpapi.MoneyOf(state.Paid.Total()), Open: httpapi.MoneyOf(state.Open().Total()),
			Status: statusOf(&plan.Loan, state, plan.BusinessDate),
		}
	}
	return out, nil
}
