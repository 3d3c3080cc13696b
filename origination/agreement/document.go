package agreement

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/pdfdoc"
)

// contractFacts is all that a contract says. The same facts give the same bytes.
type contractFacts struct {
	ID, ApplicationID, CustomerID, OfferID uuid.UUID
	Lender                                 string
	At                                     time.Time
	Schedule                               *amortization.Schedule
	KeyFacts                               amortization.KeyFacts
	// Versioned says that the offer names the version of its product: then LateFee
	// is the late fee that was agreed, or that there is none.
	Versioned bool
	LateFee   event.LateFee
}

// columns of the schedule.
var columns = []pdfdoc.Column{
	{Title: "No.", Width: 12, Align: "R"},
	{Title: "Due", Width: 24, Align: "C"},
	{Title: "Opening", Width: 24, Align: "R"},
	{Title: "Principal", Width: 23, Align: "R"},
	{Title: "Interest", Width: 23, Align: "R"},
	{Title: "Fees", Width: 20, Align: "R"},
	{Title: "Instalment", Width: 24, Align: "R"},
	{Title: "Closing", Width: 24, Align: "R"},
}

// drawing is a contract in the making.
type drawing struct{ *pdfdoc.Document }

// draw returns the contract as a PDF.
func draw(f contractFacts) ([]byte, error) {
	d := &drawing{pdfdoc.New("Loan agreement "+f.ID.String(), "Agreement "+f.ID.String(), f.At, pdfdoc.Portrait)}
	d.parties(f)
	d.keyFacts(f)
	d.charges(f)
	d.consent(f)
	d.schedule(f.Schedule)
	pdf, err := d.Bytes()
	if err != nil {
		return nil, fmt.Errorf("agreement %s: %w", f.ID, err)
	}
	return pdf, nil
}

func (d *drawing) parties(f contractFacts) {
	d.Title("Loan agreement")
	d.Row("Agreement", f.ID.String())
	d.Row("Made on", f.At.UTC().Format(time.DateOnly))
	d.Row("Lender", f.Lender)
	d.Row("Borrower (customer reference)", f.CustomerID.String())
	d.Row("Application", f.ApplicationID.String())
	d.Row("Offer accepted by the borrower", f.OfferID.String())
}

func (d *drawing) keyFacts(f contractFacts) {
	k, terms := f.KeyFacts, f.Schedule.Terms
	d.Heading("1. Key facts statement")
	d.Row("Loan amount (principal)", k.Principal.String())
	d.Row("Interest rate, per annum", terms.AnnualRatePercent.String()+" %")
	d.Row("Repayment", strings.ReplaceAll(string(terms.Method), "_", " "))
	d.Row("Planned day of disbursement", terms.DisbursementDate.String())
	d.Row("Instalments", strconv.Itoa(k.Instalments))
	d.Row("Instalment", k.Instalment.String())
	d.Row("First due date", f.Schedule.At(0).Due.String())
	d.Row("Last due date", f.Schedule.MaturityDate().String())
	d.Row("Total interest", k.TotalInterest.String())
	d.Row("Charges of the lender", k.LenderCharges.String())
	d.Row("Charges of third parties", k.ThirdPartyCharges.String())
	d.Row("Total charges", k.TotalCharges.String())
	d.Row("Paid out after charges (net disbursed)", k.NetDisbursed.String())
	d.Row("Total to be repaid", k.TotalPaid.String())
	d.Row("Annual percentage rate (APR)", k.APRPercent.Fixed(2)+" %")
	d.Row("Effective annual rate", k.EffectiveAnnualPercent.Fixed(2)+" %")
}

// charges are those that are certain, and below them what paying late costs.
func (d *drawing) charges(f contractFacts) {
	fees := f.Schedule.Terms.Fees
	if len(fees) == 0 && !f.Versioned {
		return
	}
	d.Heading("2. Charges")
	for _, fee := range fees {
		value := fee.Percent.String() + " % of " + string(fee.Basis)
		if fee.Percent.IsZero() {
			value = fee.Amount.String()
		}
		if !fee.TaxPercent.IsZero() {
			value += ", plus " + fee.TaxPercent.String() + " % tax"
		}
		d.Row(fee.Name, value+", "+strings.ReplaceAll(string(fee.When), "_", " "))
	}
	d.lateFee(f)
}

// lateFee says what the borrower pays for paying late, in the words of the rule by
// which it is charged; an agreement of before offers named a version says nothing.
func (d *drawing) lateFee(f contractFacts) {
	fee := f.LateFee
	switch {
	case !f.Versioned:
		return
	case fee == event.LateFee{}:
		d.Row("Late fee", "none")
		return
	case fee.Percent != "":
		d.Row("Late fee", fee.Percent+" % of the overdue principal and interest")
	default:
		d.Row("Late fee", fee.Amount.String())
	}
	rule := "The late fee is charged on an instalment of which principal or interest is overdue"
	if fee.GraceDays > 0 {
		rule += " for more than " + days(fee.GraceDays)
	}
	if fee.Tolerance.IsPositive() {
		rule += ", if that is more than " + fee.Tolerance.String()
	}
	rule += ", and is never more than what is overdue. "
	if fee.EveryDays > 0 {
		rule += "It is charged again every " + days(fee.EveryDays) + " while the instalment stays overdue."
	} else {
		rule += "It is charged once for each instalment."
	}
	if fee.Cap.IsPositive() {
		rule += " The late fees of one instalment are at most " + fee.Cap.String() + " together."
	}
	d.Ln(1)
	d.Paragraph(rule)
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return strconv.Itoa(n) + " days"
}

func (d *drawing) consent(f contractFacts) {
	d.Heading("3. Agreement")
	d.Paragraph(fmt.Sprintf("The lender lends the borrower %s and pays out %s. The borrower repays the loan with the "+
		"interest and charges stated above in the instalments of the schedule below, each on its due date.",
		f.KeyFacts.Principal, f.KeyFacts.NetDisbursed))
	d.Paragraph("The schedule is part of this agreement. It is named by the following SHA-256 hash, which is the hash " +
		"in the offer that the borrower accepted:")
	d.SetFont("Courier", "", pdfdoc.TextSize-1)
	d.Paragraph(f.Schedule.Hash())
	d.SetFont("Helvetica", "", pdfdoc.TextSize)
	d.Paragraph("The borrower consents by the one-time code that the lender sends, upon which the lender seals this " +
		"document with its electronic signature, or by signing below by hand and sending in the signed copy.")
	d.Ln(3 * pdfdoc.LineHeight)
	d.CellFormat(pdfdoc.LabelWidth, pdfdoc.RowHeight, "Place, date", "T", 0, "L", false, 0, "")
	d.CellFormat(pdfdoc.ValueWidth-pdfdoc.LabelWidth, pdfdoc.RowHeight, "", "", 0, "L", false, 0, "")
	d.CellFormat(pdfdoc.LabelWidth, pdfdoc.RowHeight, "Signature of the borrower", "T", 1, "L", false, 0, "")
}

func (d *drawing) schedule(s *amortization.Schedule) {
	d.AddPage()
	d.Heading("4. Repayment schedule, amounts in " + s.Terms.Principal.Currency().Code())
	rows := make([][]string, 0, s.Len())
	for _, i := range s.All() {
		rows = append(rows, []string{
			strconv.Itoa(i.Number), i.Due.String(), i.Opening.Text(), i.Principal.Text(), i.Interest.Text(), i.Fees.Text(),
			i.Total.Text(), i.Closing.Text(),
		})
	}
	sum := s.Totals
	d.Table(columns, rows, []string{
		"", "", "", sum.Principal.Text(), sum.Interest.Text(), sum.Fees.Text(), sum.Total.Text(), "",
	})
}
