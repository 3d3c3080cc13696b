package servicing

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// Replay folds the facts of one loan, in the order in which they were
// recorded, to its state. It returns ErrCorrupt if they do not fit each other.
func Replay(facts []Fact) (Loan, error) {
	var l Loan
	for i, f := range facts {
		if (i == 0) != (f.Kind() == KindActivated) {
			return Loan{}, fmt.Errorf("%w: fact %d is %s", ErrCorrupt, i+1, f.Kind())
		}
		if err := l.absorb(f); err != nil {
			return Loan{}, err
		}
	}
	return l, nil
}

// absorb applies a fact and checks that the state still makes sense.
func (l *Loan) absorb(f Fact) error {
	if err := f.apply(l); err != nil {
		return err
	}
	l.Version++
	return nil
}

func (f Activated) apply(l *Loan) error {
	schedule, err := amortization.New(f.Terms)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if schedule.Hash() != f.ScheduleHash {
		return fmt.Errorf("%w: %w", ErrCorrupt, ErrScheduleHash)
	}
	*l = Loan{
		ID: f.LoanID, ApplicationID: f.ApplicationID, CustomerID: f.CustomerID, BookID: f.BookID, Status: Pending,
		Terms: f.Terms, ScheduleHash: f.ScheduleHash, Allocation: f.Allocation,
		Overpaid: money.Zero(f.Terms.Principal.Currency()), ActivatedOn: f.On,
	}
	none := NoParts(l.Currency())
	l.Instalments = make([]Instalment, schedule.Len())
	for i, row := range schedule.All() {
		charged := Parts{Principal: row.Principal, Interest: row.Interest, Fees: row.Fees, Penalties: none.Penalties}
		l.Instalments[i] = Instalment{Number: row.Number, Due: row.Due, Charged: charged, Accrued: none, Paid: none}
	}
	return nil
}

func (f DisbursementInitiated) apply(l *Loan) error {
	if l.Status != Pending || l.Disbursement.ID != uuid.Nil {
		return fmt.Errorf("%w: disbursement of a loan that is %s", ErrCorrupt, l.Status)
	}
	l.Disbursement = f.Disbursement
	return nil
}

func (f DisbursementCompleted) apply(l *Loan) error {
	if err := l.awaits(f.Disbursement.ID); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	l.Status, l.DisbursedOn = Active, f.On
	return nil
}

func (f DisbursementFailed) apply(l *Loan) error {
	if err := l.awaits(f.Disbursement.ID); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	l.Status, l.ClosedOn = Cancelled, f.On
	return nil
}

// awaits returns ErrWrongState unless the outcome of the disbursement is open.
func (l *Loan) awaits(disbursement uuid.UUID) error {
	if l.Status != Pending || l.Disbursement.ID != disbursement {
		return fmt.Errorf("%w: disbursement %s, loan is %s", ErrWrongState, disbursement, l.Status)
	}
	return nil
}

func (f Accrued) apply(l *Loan) error {
	return l.each(f.Portions, func(row *Instalment, parts Parts) { row.Accrued = row.Accrued.Plus(parts) })
}

func (f Paid) apply(l *Loan) error {
	if l.Status != Active {
		return fmt.Errorf("%w: payment of a loan that is %s", ErrCorrupt, l.Status)
	}
	if f.Split.Total().Minor()+f.Overpaid.Minor() != f.Amount.Minor() {
		return fmt.Errorf("%w: payment %s is split into more or less than its amount", ErrCorrupt, f.PaymentID)
	}
	sum := NoParts(l.Currency())
	err := l.each(f.Portions, func(row *Instalment, parts Parts) {
		row.Paid = row.Paid.Plus(parts)
		sum = sum.Plus(parts)
	})
	if err != nil {
		return err
	}
	if sum != f.Split {
		return fmt.Errorf("%w: payment %s does not sum over its instalments", ErrCorrupt, f.PaymentID)
	}
	l.Overpaid = shift(l.Overpaid, f.Overpaid.Minor())
	if l.LastPaidOn.IsZero() || f.On.After(l.LastPaidOn) {
		l.LastPaidOn = f.On
	}
	return nil
}

func (f Curtailed) apply(l *Loan) error {
	err := l.each(f.Cuts, func(row *Instalment, parts Parts) { row.Charged = row.Charged.Minus(parts) })
	if err != nil {
		return err
	}
	moved := -f.Overpaid.Minor() // what is taken must be given
	err = l.each(f.Taken, func(row *Instalment, parts Parts) {
		row.Paid = row.Paid.Minus(parts)
		moved += parts.Total().Minor()
	})
	if err != nil {
		return err
	}
	err = l.each(f.Given, func(row *Instalment, parts Parts) {
		row.Paid = row.Paid.Plus(parts)
		moved -= parts.Total().Minor()
	})
	if err != nil {
		return err
	}
	if moved != 0 {
		return fmt.Errorf("%w: a curtailment leaves %d minor units over", ErrCorrupt, moved)
	}
	l.Overpaid = shift(l.Overpaid, f.Overpaid.Minor())
	return nil
}

func (f WentOverdue) apply(l *Loan) error {
	return l.each([]Portion{{Number: f.Number}}, func(row *Instalment, _ Parts) { row.OverdueOn = f.On })
}

func (f FullyRepaid) apply(l *Loan) error {
	if open := l.Outstanding(); l.Status != Active || !open.IsZero() {
		return fmt.Errorf("%w: a loan that is %s and owes %s is not repaid", ErrCorrupt, l.Status, open.Total())
	}
	l.Status, l.RepaidOn = Repaid, f.On
	return nil
}

func (f Completed) apply(l *Loan) error {
	if l.Status != Repaid {
		return fmt.Errorf("%w: a loan that is %s is not completed", ErrCorrupt, l.Status)
	}
	l.Status, l.ClosedOn = Closed, f.On
	return nil
}

// each lets change meet the instalments that the portions name.
func (l *Loan) each(portions []Portion, change func(*Instalment, Parts)) error {
	for i := range portions {
		number := portions[i].Number
		if number < 1 || number > len(l.Instalments) {
			return fmt.Errorf("%w: there is no instalment %d", ErrCorrupt, number)
		}
		change(&l.Instalments[number-1], portions[i].Parts)
	}
	return nil
}
