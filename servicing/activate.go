package servicing

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// Activation is what a signed agreement becomes a loan with.
type Activation struct {
	LoanID         uuid.UUID
	ApplicationID  uuid.UUID
	CustomerID     uuid.UUID
	BookID         uuid.UUID
	DisbursementID uuid.UUID
	Terms          amortization.Terms
	// ScheduleHash is the hash of the schedule that was signed.
	ScheduleHash string
	// Allocation is the order in which payments will cover what is open.
	Allocation amortization.Order
	// Product is how the loan will be serviced.
	Product Product
	// On is the business date: the money is lent from this day. If it is not the
	// disbursement date of the terms the loan still follows the signed schedule,
	// because due dates and amounts are the contract.
	On civil.Date
}

// Activate opens the loan account with its plan and orders the payout, that of
// the first tranche if there are several. The errors are ErrScheduleHash,
// InvalidError and faults of the terms (amortization.Faults).
func Activate(a Activation) (Change, error) {
	schedule, err := amortization.New(a.Terms)
	if err != nil {
		return Change{}, fmt.Errorf("terms of application %s: %w", a.ApplicationID, err)
	}
	if schedule.Hash() != a.ScheduleHash {
		return Change{}, fmt.Errorf("application %s: %w", a.ApplicationID, ErrScheduleHash)
	}
	for _, row := range schedule.All() {
		switch {
		case row.Interest.IsNegative() || row.Fees.IsNegative():
			return Change{}, invalid("terms.annual_rate_percent", "must not make the borrower a creditor")
		case !row.Capitalised.IsZero():
			return Change{}, invalid("terms.grace.capitalise", "must be false: no loan turns interest into principal yet")
		}
	}
	if err := a.Allocation.Validate(); err != nil {
		return Change{}, fmt.Errorf("application %s: %w", a.ApplicationID, err)
	}
	if err := a.Product.Validate(a.Terms.Principal.Currency()); err != nil {
		return Change{}, err
	}
	disbursement, err := planDisbursement(a.DisbursementID, schedule)
	if err != nil {
		return Change{}, err
	}
	transaction := posting.Disbursement
	if a.Product.DeferFees {
		transaction = posting.DisbursementDeferred
	}
	e := &engine{fresh: true, plan: schedule}
	for _, in := range []input{
		Activated{
			On: a.On, LoanID: a.LoanID, ApplicationID: a.ApplicationID, CustomerID: a.CustomerID, BookID: a.BookID,
			Terms: a.Terms, ScheduleHash: a.ScheduleHash, Allocation: a.Allocation, Product: a.Product.normalised(),
		},
		DisbursementInitiated{On: a.On, Transaction: transaction, Disbursement: disbursement},
	} {
		if err := e.run(in); err != nil {
			return Change{}, err
		}
	}
	return (&Loan{}).change(e, a.On)
}

// planDisbursement splits what is lent first into what is paid out and the
// charges that are deducted.
func planDisbursement(id uuid.UUID, s *amortization.Schedule) (Disbursement, error) {
	currency := s.Terms.Principal.Currency()
	third, later := money.Zero(currency), int64(0)
	terms := s.Terms
	terms.Fees = slices.DeleteFunc(slices.Clone(terms.Fees), func(f amortization.Fee) bool {
		return f.Payee != amortization.ThirdParty || f.When != amortization.AtDisbursement
	})
	if len(terms.Fees) > 0 {
		others, err := amortization.New(terms)
		if err != nil {
			return Disbursement{}, fmt.Errorf("charges of third parties: %w", err)
		}
		third = others.Totals.UpfrontFees
	}
	for _, tranche := range terms.Tranches {
		later += tranche.Amount.Minor()
	}
	d := Disbursement{
		ID: id, Gross: shift(s.Totals.Principal, -later), LenderFees: shift(s.Totals.UpfrontFees, -third.Minor()),
		ThirdPartyFees: third, UpfrontInterest: shift(money.Zero(currency), s.Totals.UpfrontInterest.Minor()),
	}
	d.Net = shift(d.Gross, -d.LenderFees.Minor()-d.ThirdPartyFees.Minor()-d.UpfrontInterest.Minor())
	if d.Net.IsNegative() {
		return Disbursement{}, invalid("terms.fees", "must not exceed what is paid out first")
	}
	return d, nil
}

// PaidOut returns the sums of the payouts that were ordered and not refused: of
// a loan in tranches those so far. Gross is what of the principal is lent.
func (l *Loan) PaidOut() (Disbursement, error) {
	zero := money.Zero(l.Currency())
	switch {
	case l.Tranches == 0:
		return Disbursement{Gross: zero, Net: zero, LenderFees: zero, ThirdPartyFees: zero, UpfrontInterest: zero}, nil
	case l.Tranches == 1 && !l.PayoutFailed:
		return l.Disbursement, nil
	}
	signed, err := amortization.New(l.Terms)
	if err != nil {
		return Disbursement{}, fmt.Errorf("%w: terms of loan %s: %w", ErrCorrupt, l.ID, err)
	}
	sum, err := planDisbursement(uuid.Nil, signed)
	if err != nil {
		return Disbursement{}, err
	}
	for _, later := range l.Terms.Tranches[:l.Tranches-1] {
		sum.Gross, sum.Net = shift(sum.Gross, later.Amount.Minor()), shift(sum.Net, later.Amount.Minor())
	}
	return sum, nil
}

func (f Activated) position() Position { return Position{On: f.On, Rank: rankActivation, ID: f.LoanID} }

func (f Activated) apply(e *engine) (Fact, error) {
	if e.plan == nil {
		plan, err := amortization.New(f.Terms)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		e.plan = plan
	}
	if e.plan.Hash() != f.ScheduleHash {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, ErrScheduleHash)
	}
	none := NoParts(f.Terms.Principal.Currency())
	zero := none.Principal
	l := Loan{
		ID: f.LoanID, ApplicationID: f.ApplicationID, CustomerID: f.CustomerID, BookID: f.BookID, Status: Pending,
		Terms: f.Terms, ScheduleHash: f.ScheduleHash, Allocation: f.Allocation, Product: f.Product,
		Overpaid: zero, Exposure: zero, Provision: zero, WrittenOff: none, Recovered: none, ActivatedOn: f.On,
		Disbursement: Disbursement{
			Gross: zero, Net: zero, LenderFees: zero, ThirdPartyFees: zero, UpfrontInterest: zero,
		},
		Undisbursed: e.plan.Totals.Principal, Planned: e.plan.Len(),
	}
	l.Instalments = make([]Instalment, 0, l.Planned)
	for _, row := range e.plan.All() {
		l.Instalments = append(l.Instalments, planned(row))
	}
	e.loan = l
	e.renumber()
	return f, nil
}

// planned returns the instalment of a row of a schedule.
func planned(row amortization.Instalment) Instalment {
	return newInstalment(row.Due, Parts{
		Principal: row.Principal, Interest: row.Interest, Fees: row.Fees, Penalties: money.Zero(row.Fees.Currency()),
	})
}

func (e *engine) renumber() {
	for i := range e.loan.Instalments {
		e.loan.Instalments[i].Number = i + 1
	}
}

func (f DisbursementInitiated) position() Position {
	return Position{On: f.On, Rank: rankDisbursement, ID: f.Disbursement.ID}
}

func (f DisbursementInitiated) apply(e *engine) (Fact, error) {
	l := &e.loan
	first := l.Status == Pending && l.Disbursement.ID == uuid.Nil
	if l.PayoutPending || (!first && l.Status != Active) || f.Disbursement.Gross.Minor() > l.Undisbursed.Minor() {
		return nil, fmt.Errorf("%w: disbursement %s, loan is %s", ErrWrongState, f.Disbursement.ID, l.Status)
	}
	l.Disbursement, l.PayoutPending, l.PayoutFailed, l.PayoutAs = f.Disbursement, true, false, f.Transaction
	l.Undisbursed = shift(l.Undisbursed, -f.Disbursement.Gross.Minor())
	l.Exposure = shift(l.Exposure, f.Disbursement.Gross.Minor())
	l.Tranches++
	if f.Transaction == posting.DisbursementDeferred {
		e.deferIncome(f.On, posting.FeesEarned, shift(f.Disbursement.LenderFees, f.Disbursement.UpfrontInterest.Minor()))
	}
	return f, nil
}

// Disburse orders the payout of the next tranche of the terms.
type Disburse struct {
	ID uuid.UUID
	On civil.Date
}

func (d Disburse) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(d.ID); err != nil {
		return nil, err
	}
	if err := l.checkActive(d.On, business); err != nil {
		return nil, err
	}
	next := l.Tranches - 1 // the first payout is none of the terms' tranches
	if l.PayoutPending || !l.InBooks() || next >= len(l.Terms.Tranches) || l.Undisbursed.IsZero() {
		return nil, fmt.Errorf("%w: no tranche is left, or one is on its way", ErrWrongState)
	}
	amount, zero := l.Terms.Tranches[next].Amount, money.Zero(l.Currency())
	return DisbursementInitiated{On: d.On, Transaction: posting.Disbursement, Disbursement: Disbursement{
		ID: d.ID, Gross: amount, Net: amount, LenderFees: zero, ThirdPartyFees: zero, UpfrontInterest: zero,
	}}, nil
}

// CompleteDisbursement records that the payout was made on the business date.
// Hearing of it again has no effect; ErrWrongState if the loan was cancelled or
// has another disbursement.
func (l *Loan) CompleteDisbursement(
	id uuid.UUID, bankReference string, business civil.Date, history ...Fact,
) (Change, error) {
	if l.Disbursement.ID == id && !l.PayoutPending && !l.PayoutFailed {
		return l.change(&engine{loan: l.clone()}, business)
	}
	fact := DisbursementCompleted{On: business, Disbursement: l.Disbursement, BankReference: bankReference}
	return l.Do(outcome{fact, id}, business, history...)
}

// FailDisbursement records that the payout was refused for good: its entries
// are reversed, and a loan of which nothing was paid out is cancelled. What the
// borrower has repaid of it meanwhile is overpaid. Again it has no effect;
// ErrWrongState if the money was paid out.
func (l *Loan) FailDisbursement(
	id uuid.UUID, reason string, business civil.Date, history ...Fact,
) (Change, error) {
	if l.Disbursement.ID == id && l.PayoutFailed {
		return l.change(&engine{loan: l.clone()}, business)
	}
	fact := DisbursementFailed{
		On: business, Disbursement: l.Disbursement, Reason: reason, Initiated: l.PayoutVersion,
		Transaction: l.PayoutAs,
	}
	return l.Do(outcome{fact, id}, business, history...)
}

// outcome is what became of a payout.
type outcome struct {
	fact         input
	disbursement uuid.UUID
}

func (o outcome) input(l *Loan, _ civil.Date) (input, error) { return o.fact, l.awaits(o.disbursement) }

// awaits returns ErrWrongState unless the outcome of the disbursement is open.
func (l *Loan) awaits(disbursement uuid.UUID) error {
	if !l.PayoutPending || l.Disbursement.ID != disbursement {
		return fmt.Errorf("%w: disbursement %s, loan is %s", ErrWrongState, disbursement, l.Status)
	}
	return nil
}

func (f DisbursementCompleted) position() Position {
	return Position{On: f.On, Rank: rankDisbursement, ID: f.Disbursement.ID}
}

func (f DisbursementCompleted) apply(e *engine) (Fact, error) {
	l := &e.loan
	if err := l.awaits(f.Disbursement.ID); err != nil {
		return nil, err
	}
	l.PayoutPending = false
	if l.Status == Pending {
		l.Status, l.DisbursedOn = Active, f.On
	}
	e.settle(f.On, f.On) // it may have been repaid while the money was on its way
	return f, nil
}

func (f DisbursementFailed) position() Position {
	return Position{On: f.On, Rank: rankDisbursement, ID: f.Disbursement.ID}
}

func (f DisbursementFailed) apply(e *engine) (Fact, error) {
	l := &e.loan
	if err := l.awaits(f.Disbursement.ID); err != nil {
		return nil, err
	}
	repaid := !l.anyOpen()
	l.PayoutPending, l.PayoutFailed = false, true
	l.Undisbursed = shift(l.Undisbursed, f.Disbursement.Gross.Minor())
	l.Exposure = shift(l.Exposure, -f.Disbursement.Gross.Minor())
	l.Tranches--
	if l.Status == Pending {
		l.Status, l.ClosedOn, l.Deferrals = Cancelled, f.On, nil
		return f, nil
	}
	e.giveUp(f.On, -l.Outstanding().Principal.Minor())
	if repaid { // who has repaid the tranche has no use for it
		l.cutUndisbursed()
		e.settle(f.On, f.On)
	}
	return f, nil
}

// giveUp makes principal that was repaid and never lent overpaid: that of the
// latest instalments, which is lent last.
func (e *engine) giveUp(on civil.Date, minor int64) {
	l, left := &e.loan, minor
	for i := l.Planned - 1; i >= 0 && left > 0; i-- {
		row := &l.Instalments[i]
		part := min(left, row.Paid.Principal.Minor())
		row.Paid.Principal = shift(row.Paid.Principal, -part)
		left -= part
	}
	if minor -= max(0, left); minor > 0 {
		l.Overpaid = shift(l.Overpaid, minor)
		e.reallocate(on, -minor, minor)
	}
}

// checkActive returns ErrNotActive or an InvalidError unless something can be
// done to the loan that counts from a day up to the business date.
func (l *Loan) checkActive(on, business civil.Date) error {
	switch {
	case !l.activeOn(on):
		return fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	case !on.IsValid() || on.After(business):
		return invalid("on", "must not be after the business date %s", business)
	case on.Before(l.DisbursedOn):
		return invalid("on", "must not be before the disbursement on %s", l.DisbursedOn)
	}
	return nil
}

// activeOn reports whether the loan is active, or was until after a day.
func (l *Loan) activeOn(on civil.Date) bool {
	switch l.Status {
	case Active:
		return true
	case Closed:
		return on.Before(l.ClosedOn)
	case WrittenDown:
		return on.Before(l.WrittenOffOn)
	}
	return false
}
