package activation

import (
	"context"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Account is a loan account as others see it.
type Account struct {
	LoanID        uuid.UUID        `json:"loan_id"`
	ApplicationID uuid.UUID        `json:"application_id"`
	CustomerID    uuid.UUID        `json:"customer_id"`
	Status        servicing.Status `json:"status"`
	// Principal is what was agreed: Disbursed of it is lent, Undisbursed is still to be.
	Principal      money.Amount      `json:"principal"`
	Disbursed      money.Amount      `json:"disbursed"`
	Undisbursed    money.Amount      `json:"undisbursed"`
	NetDisbursed   money.Amount      `json:"net_disbursed"`
	LenderFees     money.Amount      `json:"lender_fees"`
	ThirdPartyFees money.Amount      `json:"third_party_fees"`
	Outstanding    servicing.Parts   `json:"outstanding"`
	Overpaid       money.Amount      `json:"overpaid"`
	ScheduleHash   string            `json:"schedule_hash"`
	Product        string            `json:"product"`
	ProductVersion int64             `json:"product_version"`
	BusinessDate   civil.Date        `json:"business_date"`
	ActivatedOn    civil.Date        `json:"activated_on"`
	DisbursedOn    *civil.Date       `json:"disbursed_on"`
	RepaidOn       *civil.Date       `json:"repaid_on"`
	ClosedOn       *civil.Date       `json:"closed_on"`
	DaysPastDue    int               `json:"days_past_due"`
	PastDueSince   *civil.Date       `json:"past_due_since"`
	Disbursement   DisbursementState `json:"disbursement"`
	// Risk is nil for those who may not see it.
	Risk *Risk `json:"risk,omitempty"`
}

// Risk is what the lender expects of a loan. It is for staff and finance, not
// for the borrower: what is set aside for a loss forgives nothing of the debt.
type Risk struct {
	Bucket servicing.Bucket `json:"bucket"`
	// Stage is that of impairment (IFRS 9); 0 for none.
	Stage         int          `json:"stage"`
	Provision     money.Amount `json:"provision"`
	ProvisionedOn *civil.Date  `json:"provisioned_on"`
	// IncomeSuspended says that interest is no income until it is paid, and
	// SuspendedInterest is what is due of such interest.
	IncomeSuspended   bool            `json:"income_suspended"`
	SuspendedInterest money.Amount    `json:"suspended_interest"`
	ChargedOffOn      *civil.Date     `json:"charged_off_on"`
	WrittenOffOn      *civil.Date     `json:"written_off_on"`
	WrittenOff        servicing.Parts `json:"written_off"`
	Recovered         servicing.Parts `json:"recovered"`
}

func riskOf(l *servicing.Loan, business civil.Date) *Risk {
	return &Risk{
		Bucket: servicing.BucketOf(l.DaysPastDue(business)), Stage: l.StageNumber(), Provision: l.Provision,
		ProvisionedOn: optional(l.ProvisionedOn), IncomeSuspended: l.Suspended,
		SuspendedInterest: l.SuspendedInterest(business), ChargedOffOn: optional(l.ChargedOffOn),
		WrittenOffOn: optional(l.WrittenOffOn), WrittenOff: l.WrittenOff, Recovered: l.Recovered,
	}
}

// DisbursementState is how far the payout is.
type DisbursementState struct {
	ID            uuid.UUID          `json:"id"`
	Status        DisbursementStatus `json:"status"`
	Amount        money.Amount       `json:"amount"`
	Attempts      int                `json:"attempts"`
	BankReference string             `json:"bank_reference"`
	Reason        string             `json:"reason"`
}

// DisbursementStatus is where a payout stands.
type DisbursementStatus string

// The statuses of a payout.
const (
	Initiated DisbursementStatus = "INITIATED"
	Completed DisbursementStatus = "COMPLETED"
	Failed    DisbursementStatus = "FAILED"
)

// Plan is a loan with its signed schedule on a business date.
type Plan struct {
	Loan         servicing.Loan
	Schedule     *amortization.Schedule
	BusinessDate civil.Date
}

// account describes a loan with its payout, to the lender.
func (s *Service) account(ctx context.Context, tx database.Tx, l servicing.Loan) (Account, error) {
	payout, err := findDisbursement(ctx, tx, l.Disbursement.ID)
	if err != nil {
		return Account{}, err
	}
	business, err := loandb.BusinessDate(ctx, tx, l.BookID)
	if err != nil {
		return Account{}, err
	}
	paid, err := l.PaidOut()
	if err != nil {
		return Account{}, err
	}
	return Account{
		LoanID: l.ID, ApplicationID: l.ApplicationID, CustomerID: l.CustomerID, Status: l.Status,
		Principal: l.Terms.Principal, Disbursed: paid.Gross, Undisbursed: l.Undisbursed, NetDisbursed: paid.Net,
		LenderFees: paid.LenderFees, ThirdPartyFees: paid.ThirdPartyFees, Outstanding: l.Outstanding(), Overpaid: l.Overpaid,
		ScheduleHash: l.ScheduleHash, BusinessDate: business, ActivatedOn: l.ActivatedOn,
		Product: l.Product.Code, ProductVersion: l.Product.Version,
		DisbursedOn: optional(l.DisbursedOn), RepaidOn: optional(l.RepaidOn), ClosedOn: optional(l.ClosedOn),
		DaysPastDue: l.DaysPastDue(business), PastDueSince: optional(l.PastDueSince(business)),
		Disbursement: payout.state(), Risk: riskOf(&l, business),
	}, nil
}

func optional(d civil.Date) *civil.Date {
	if d.IsZero() {
		return nil
	}
	return &d
}
