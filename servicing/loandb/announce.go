package loandb

import (
	"strings"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/servicing"
)

// Events returns what a change announces, in the order of its facts. What only
// a service knows, such as the channel of a payment, it announces itself.
func Events(c *servicing.Change) []event.Event {
	on := OnLoan(&c.Loan)
	var events []event.Event
	for _, fact := range c.Facts {
		if e := ordered(&c.Loan, fact); e != nil {
			events = append(events, e)
			continue
		}
		switch f := fact.(type) {
		case servicing.Activated:
			events = append(events, activated(&c.Loan, f)...)
		case servicing.DisbursementInitiated:
			events = append(events, event.DisbursementInitiated{
				OnLoan: on, DisbursementID: f.Disbursement.ID, Amount: f.Disbursement.Net,
			})
		case servicing.DisbursementCompleted:
			events = append(events, event.DisbursementCompleted{
				OnLoan: on, DisbursementID: f.Disbursement.ID, Amount: f.Disbursement.Net, ValueDate: f.On,
				BankReference: f.BankReference,
			})
		case servicing.DisbursementFailed:
			events = append(events, event.DisbursementFailed{
				OnLoan: on, DisbursementID: f.Disbursement.ID, Amount: f.Disbursement.Net, Reason: f.Reason,
			})
		case servicing.Paid:
			events = append(events, event.PaymentVerified{
				OnLoan: on, PaymentID: f.PaymentID, Amount: f.Amount, ValueDate: f.On, Principal: f.Split.Principal,
				Interest: f.Split.Interest, Fees: f.Split.Fees, Penalties: f.Split.Penalties, Overpaid: f.Overpaid,
			})
		case servicing.WentOverdue:
			events = append(events, event.PaymentOverdue{
				OnLoan: on, Instalment: f.Number, DueDate: f.Due, AmountOverdue: f.Open, DaysPastDue: f.DaysPastDue,
			})
		case servicing.LateFeeCharged:
			events = append(events, event.LateFeeCharged{
				OnLoan: on, Instalment: f.Number, DueDate: f.Due, Amount: f.Amount, ValueDate: f.On,
				DaysPastDue: f.DaysPastDue,
			})
		case servicing.LateFeeReversed:
			events = append(events, event.LateFeeReversed{
				OnLoan: on, Instalment: f.Number, DueDate: f.Due, Amount: f.Amount, ValueDate: f.On,
			})
		case servicing.StageChanged:
			events = append(events, event.LoanStageChanged{
				OnLoan: on, ValueDate: f.On, From: f.From, To: f.To, DaysPastDue: f.DaysPastDue,
			})
		case servicing.Reopened:
			events = append(events, event.LoanReopened{
				OnLoan: on, ValueDate: f.On, Outstanding: c.Loan.Outstanding().Total(),
			})
		case servicing.FullyRepaid:
			events = append(events, event.LoanFullyRepaid{OnLoan: on, ValueDate: f.On})
		case servicing.Completed:
			events = append(events, event.LoanCompleted{OnLoan: on, BusinessDate: f.Booked})
		}
	}
	return events
}

// ordered is what a fact announces that staff ordered, nil for others.
func ordered(l *servicing.Loan, fact servicing.Fact) event.Event {
	on := OnLoan(l)
	switch f := fact.(type) {
	case servicing.Charged:
		return event.LoanCharged{
			OnLoan: on, ChargeID: f.ID, Component: strings.ToUpper(string(f.Component)), Amount: f.Amount, DueDate: f.Due,
			Reason: f.Reason,
		}
	case servicing.Waived:
		return event.LoanWaived{
			OnLoan: on, ValueDate: f.On, Component: strings.ToUpper(string(f.Component)), Amount: f.Amount, Reason: f.Reason,
		}
	case servicing.Refunded:
		return event.LoanRefunded{OnLoan: on, ValueDate: f.On, Amount: f.Amount, Reason: f.Reason}
	case servicing.ChargedBack:
		return event.LoanChargedBack{OnLoan: on, ValueDate: f.On, Amount: f.Amount, Reason: f.Reason}
	case servicing.Rescheduled:
		return event.LoanRescheduled{
			OnLoan: on, ValueDate: f.On, Instalments: l.Planned, LastDueDate: l.Instalments[l.Planned-1].Due,
			Outstanding: l.Outstanding().Total(), Reason: f.Reason,
		}
	case servicing.ChargedOff:
		return event.LoanChargedOff{
			OnLoan: on, ValueDate: f.On, Amount: f.Parts.Total(), Fraud: f.Fraud, Reason: f.Reason,
		}
	case servicing.WrittenOff:
		return event.LoanWrittenOff{OnLoan: on, ValueDate: f.On, Amount: f.Parts.Total(), Reason: f.Reason}
	}
	return nil
}

func activated(l *servicing.Loan, f servicing.Activated) []event.Event {
	first, last := l.Instalments[0].Due, l.Instalments[len(l.Instalments)-1].Due
	total := servicing.NoParts(l.Currency())
	for i := range l.Instalments {
		total = total.Plus(l.Instalments[i].Charged)
	}
	return []event.Event{
		event.LoanActivated{OnLoan: OnLoan(l), Principal: l.Terms.Principal, BusinessDate: f.On},
		event.RepaymentScheduleCreated{
			OnLoan: OnLoan(l), ScheduleHash: f.ScheduleHash, Instalments: len(l.Instalments),
			FirstDueDate: first, LastDueDate: last, TotalDue: total.Total(),
		},
	}
}

// OnLoan returns what every event about the loan carries.
func OnLoan(l *servicing.Loan) event.OnLoan {
	return event.OnLoan{LoanID: l.ID, ApplicationID: l.ApplicationID, CustomerID: l.CustomerID}
}
