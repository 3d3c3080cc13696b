package discussion

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

// Limits of an offer.
const (
	// InstalmentsMax is fifty years of months.
	InstalmentsMax = 600
	// ChargesMax is the largest number of charges.
	ChargesMax = 20
	// ValidDaysMax bounds how long an offer stands, in days.
	ValidDaysMax = 90
	// DisbursementDaysMax bounds how far ahead, in days, the money may be promised.
	DisbursementDaysMax = 180
	// FirstDueDaysMax bounds the days from disbursement to the first due date.
	FirstDueDaysMax = 366
)

// annualRateMax, in percent, is far above any lawful rate; what exceeds it is a
// slip of the decimal point.
var annualRateMax = amortization.MustDecimal("100")

// Status is what became of an offer or of a discussion.
type Status string

// The statuses. A discussion is Submitted until its risk is approved; an offer
// is Superseded by the next one.
const (
	Submitted  Status = "SUBMITTED"
	Open       Status = "OPEN"
	Superseded Status = "SUPERSEDED"
	Accepted   Status = "ACCEPTED"
	Declined   Status = "DECLINED"
	Expired    Status = "EXPIRED"
)

// DeclineReasons is why a borrower may decline. It is a list because it travels
// in events, where free text could carry personal data.
var DeclineReasons = []string{
	"RATE_TOO_HIGH", "CHARGES_TOO_HIGH", "AMOUNT_TOO_LOW", "TERM_UNSUITABLE", "FOUND_BETTER_OFFER", "NO_LONGER_NEEDED",
	"OTHER",
}

// Party says who receives a charge.
type Party string

// The parties.
const (
	PartyLender     Party = "LENDER"
	PartyThirdParty Party = "THIRD_PARTY"
)

var payeeOf = map[Party]amortization.Payee{
	PartyLender: amortization.Lender, PartyThirdParty: amortization.ThirdParty,
}

// Charge is a cost beside interest, deducted from what is paid out.
type Charge struct {
	Name   string       `json:"name"`
	Amount money.Amount `json:"amount"`
	Party  Party        `json:"party"`
}

// Proposal is what an officer wants to offer: an annuity loan in monthly
// instalments, with months of thirty days.
type Proposal struct {
	Principal         money.Amount         `json:"principal"`
	AnnualRatePercent amortization.Decimal `json:"annual_rate_percent"`
	Instalments       int                  `json:"instalments"`
	Charges           []Charge             `json:"charges"`
	// DisbursementDate is the business date when zero; FirstDueDate is a month later when zero.
	DisbursementDate civil.Date `json:"disbursement_date,omitzero"`
	FirstDueDate     civil.Date `json:"first_due_date,omitzero"`
	// ValidDays is how many days after the business date it can be accepted.
	ValidDays int `json:"valid_days"`
}

// Offer is a proposal put to the borrower, with all that follows from it.
type Offer struct {
	ID            uuid.UUID
	ApplicationID uuid.UUID
	// Version counts the offers of an application from 1.
	Version int
	Status  Status
	// Product is the code of what was applied for, and ProductVersion the version by
	// which the loan will be serviced; nil if the application names no product.
	Product        string
	ProductVersion *int64
	// LateFee is that of the version: a key fact.
	LateFee      event.LateFee
	Schedule     *amortization.Schedule
	KeyFacts     amortization.KeyFacts
	ScheduleHash string
	// ValidUntil is the last business date on which it can be accepted.
	ValidUntil civil.Date
	OfficerID  uuid.UUID
	MadeAt     time.Time
	// ClosedAt is nil while the offer is open; Reason is the borrower's for declining.
	ClosedAt *time.Time
	Reason   string
}

// offerJSON is the form in which an Offer is kept as the outcome of a command.
type offerJSON struct {
	ID             uuid.UUID             `json:"id"`
	ApplicationID  uuid.UUID             `json:"application_id"`
	Version        int                   `json:"version"`
	Status         Status                `json:"status"`
	Product        string                `json:"product,omitempty"`
	ProductVersion *int64                `json:"product_version,omitempty"`
	LateFee        event.LateFee         `json:"late_fee,omitzero"`
	Terms          amortization.Terms    `json:"terms"`
	KeyFacts       amortization.KeyFacts `json:"key_facts"`
	ScheduleHash   string                `json:"schedule_hash"`
	ValidUntil     civil.Date            `json:"valid_until"`
	OfficerID      uuid.UUID             `json:"officer_id"`
	MadeAt         time.Time             `json:"made_at"`
	ClosedAt       *time.Time            `json:"closed_at,omitempty"`
	Reason         string                `json:"reason,omitempty"`
}

// MarshalJSON writes the terms and not the rows: they follow from the terms.
func (o Offer) MarshalJSON() ([]byte, error) {
	return json.Marshal(offerJSON{
		ID: o.ID, ApplicationID: o.ApplicationID, Version: o.Version, Status: o.Status, Product: o.Product,
		ProductVersion: o.ProductVersion, LateFee: o.LateFee, Terms: o.Schedule.Terms, KeyFacts: o.KeyFacts,
		ScheduleHash: o.ScheduleHash, ValidUntil: o.ValidUntil, OfficerID: o.OfficerID, MadeAt: o.MadeAt,
		ClosedAt: o.ClosedAt, Reason: o.Reason,
	})
}

// UnmarshalJSON reads what MarshalJSON writes and computes the rows again.
func (o *Offer) UnmarshalJSON(data []byte) error {
	var j offerJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	schedule, err := scheduleOf(j.Terms, j.ScheduleHash)
	if err != nil {
		return fmt.Errorf("offer %s: %w", j.ID, err)
	}
	*o = Offer{
		ID: j.ID, ApplicationID: j.ApplicationID, Version: j.Version, Status: j.Status, Product: j.Product,
		ProductVersion: j.ProductVersion, LateFee: j.LateFee, Schedule: schedule, KeyFacts: j.KeyFacts,
		ScheduleHash: j.ScheduleHash, ValidUntil: j.ValidUntil, OfficerID: j.OfficerID, MadeAt: j.MadeAt,
		ClosedAt: j.ClosedAt, Reason: j.Reason,
	}
	return nil
}

// errSchedule means that stored terms give another schedule than was offered:
// the engine changed its mind, and nobody may be held to the result.
var errSchedule = errors.New("the terms no longer give the schedule that was offered")

func scheduleOf(terms amortization.Terms, hash string) (*amortization.Schedule, error) {
	schedule, err := amortization.New(terms)
	if err != nil {
		return nil, err
	}
	if schedule.Hash() != hash {
		return nil, errSchedule
	}
	return schedule, nil
}

// offerOf checks a proposal against the approved amount and the business date,
// and works out what it means. Every fault that can be seen is in the error.
func offerOf(p Proposal, maxAmount money.Amount, today civil.Date) (Offer, error) {
	if p.DisbursementDate.IsZero() {
		p.DisbursementDate = today
	}
	if err := p.check(maxAmount, today); err != nil {
		return Offer{}, err
	}
	schedule, err := amortization.New(p.terms())
	if err != nil {
		return Offer{}, termsErrors(err)
	}
	facts, err := amortization.Disclose(schedule)
	if errors.Is(err, amortization.ErrNoRate) {
		return Offer{}, &FieldError{"charges", "no annual percentage rate can be computed: too little is paid out"}
	}
	if err != nil {
		return Offer{}, fmt.Errorf("disclosing an offer: %w", err)
	}
	return Offer{
		Status: Open, Schedule: schedule, KeyFacts: facts, ScheduleHash: schedule.Hash(),
		ValidUntil: today.AddDays(p.ValidDays),
	}, nil
}

func (p Proposal) terms() amortization.Terms {
	terms := amortization.Terms{
		Principal: p.Principal, AnnualRatePercent: p.AnnualRatePercent, Method: amortization.Annuity,
		Instalments: p.Instalments, DisbursementDate: p.DisbursementDate, FirstDueDate: p.FirstDueDate,
		DayCount: amortization.Thirty360,
	}
	for _, c := range p.Charges {
		terms.Fees = append(terms.Fees, amortization.Fee{
			Name: c.Name, Amount: c.Amount, When: amortization.AtDisbursement, Payee: payeeOf[c.Party],
		})
	}
	return terms
}

// check finds what is wrong with the proposal beyond what Terms.Validate finds.
func (p Proposal) check(maxAmount money.Amount, today civil.Date) error {
	var faults []error
	fault := func(wrong bool, field, format string, args ...any) {
		if wrong {
			faults = append(faults, &FieldError{field, fmt.Sprintf(format, args...)})
		}
	}
	sameCurrency := p.Principal.Currency() == maxAmount.Currency()
	fault(!p.Principal.IsPositive(), "principal", "must be above zero")
	fault(!sameCurrency, "principal", "must be in %s", maxAmount.Currency())
	fault(sameCurrency && p.Principal.Minor() > maxAmount.Minor(), "principal", "exceeds the approved %s", maxAmount)
	fault(p.AnnualRatePercent.Sign() < 0 || p.AnnualRatePercent.Cmp(annualRateMax) > 0, "annual_rate_percent",
		"must be 0 to %s", annualRateMax)
	fault(p.Instalments < 1 || p.Instalments > InstalmentsMax, "instalments", "must be 1 to %d", InstalmentsMax)
	fault(p.ValidDays < 1 || p.ValidDays > ValidDaysMax, "valid_days", "must be 1 to %d", ValidDaysMax)
	ahead := p.DisbursementDate.DaysSince(today)
	fault(ahead < 0, "disbursement_date", "is before the business date %s", today)
	fault(ahead > DisbursementDaysMax, "disbursement_date", "is more than %d days ahead", DisbursementDaysMax)
	if !p.FirstDueDate.IsZero() {
		wait := p.FirstDueDate.DaysSince(p.DisbursementDate)
		fault(wait < 1, "first_due_date", "is not after the disbursement on %s", p.DisbursementDate)
		fault(wait > FirstDueDaysMax, "first_due_date", "is more than %d days after the disbursement", FirstDueDaysMax)
	}
	if err := p.checkCharges(); err != nil && p.Principal.IsPositive() {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (p Proposal) checkCharges() error {
	if len(p.Charges) > ChargesMax {
		return &FieldError{"charges", fmt.Sprintf("at most %d", ChargesMax)}
	}
	left := p.Principal
	for i, c := range p.Charges {
		field := fmt.Sprintf("charges[%d]", i)
		if _, known := payeeOf[c.Party]; !known {
			return &FieldError{field + ".party", "is neither LENDER nor THIRD_PARTY"}
		}
		if !c.Amount.IsPositive() {
			return &FieldError{field + ".amount", "must be above zero"}
		}
		var err error
		left, err = left.Sub(c.Amount)
		if err != nil {
			return &FieldError{field + ".amount", "must be in " + p.Principal.Currency().Code()}
		}
	}
	if !left.IsPositive() {
		return &FieldError{"charges", "leave nothing of the principal to pay out"}
	}
	return nil
}

// event returns the offer as other services know it.
func (o Offer) event() (event.Offer, error) {
	terms, err := json.Marshal(o.Schedule.Terms)
	if err != nil {
		return event.Offer{}, fmt.Errorf("encoding terms of offer %s: %w", o.ID, err)
	}
	return event.Offer{
		OfferID: o.ID, Product: o.Product, ProductVersion: o.ProductVersion, LateFee: o.LateFee, Terms: terms,
		ScheduleHash: o.ScheduleHash, Principal: o.KeyFacts.Principal, Instalment: o.KeyFacts.Instalment,
		APRPercent: o.KeyFacts.APRPercent.Fixed(2),
		ValidUntil: o.ValidUntil,
	}, nil
}
