package agreement

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"github.com/google/uuid"
	"golang.org/x/text/encoding/charmap"

	"github.com/tenor-lending/tenor/amortization"
)

// contractFacts is all that a contract says. The same facts give the same bytes.
type contractFacts struct {
	ID, ApplicationID, CustomerID, OfferID uuid.UUID
	Lender                                 string
	At                                     time.Time
	Schedule                               *amortization.Schedule
	KeyFacts                               amortization.KeyFacts
}

// Layout, in millimetres and points.
const (
	margin     = 18
	lineHeight = 5
	rowHeight  = 6
	labelWidth = 74
	valueWidth = 100
	textSize   = 10
	smallSize  = 8
	bottom     = 20
)

// column is one column of the schedule; only the width of its size counts.
type column struct {
	title string
	size  fpdf.SizeType
	align string
	value func(amortization.Instalment) string
}

var columns = []column{
	{"No.", fpdf.SizeType{Wd: 12}, "R", func(i amortization.Instalment) string { return strconv.Itoa(i.Number) }},
	{"Due", fpdf.SizeType{Wd: 24}, "C", func(i amortization.Instalment) string { return i.Due.String() }},
	{"Opening", fpdf.SizeType{Wd: 24}, "R", func(i amortization.Instalment) string { return i.Opening.Text() }},
	{"Principal", fpdf.SizeType{Wd: 23}, "R", func(i amortization.Instalment) string { return i.Principal.Text() }},
	{"Interest", fpdf.SizeType{Wd: 23}, "R", func(i amortization.Instalment) string { return i.Interest.Text() }},
	{"Fees", fpdf.SizeType{Wd: 20}, "R", func(i amortization.Instalment) string { return i.Fees.Text() }},
	{"Instalment", fpdf.SizeType{Wd: 24}, "R", func(i amortization.Instalment) string { return i.Total.Text() }},
	{"Closing", fpdf.SizeType{Wd: 24}, "R", func(i amortization.Instalment) string { return i.Closing.Text() }},
}

// drawing is a contract in the making.
type drawing struct {
	*fpdf.Fpdf
	encode func(string) string // to the character set of the standard fonts
}

// draw returns the contract as a PDF.
func draw(f contractFacts) ([]byte, error) {
	pdf := fpdf.New("P", "mm", "A4", "")
	d := &drawing{Fpdf: pdf, encode: pdf.UnicodeTranslatorFromDescriptor("")}
	d.SetCatalogSort(true)
	d.SetCreationDate(f.At)
	d.SetModificationDate(f.At)
	d.SetProducer("Tenor", true)
	d.SetTitle("Loan agreement "+f.ID.String(), true)
	d.SetMargins(margin, margin, margin)
	d.SetAutoPageBreak(true, bottom)
	d.AliasNbPages("")
	d.SetFooterFunc(func() {
		d.SetY(-bottom + lineHeight)
		d.SetFont("Helvetica", "", smallSize)
		d.CellFormat(0, lineHeight, fmt.Sprintf("Agreement %s, page %d of {nb}", f.ID, d.PageNo()), "", 0, "C", false, 0, "")
	})
	d.AddPage()
	d.parties(f)
	d.keyFacts(f)
	d.fees(f.Schedule.Terms.Fees)
	d.consent(f)
	d.schedule(f.Schedule)
	var out bytes.Buffer
	if err := d.Output(&out); err != nil {
		return nil, fmt.Errorf("drawing agreement %s: %w", f.ID, err)
	}
	return out.Bytes(), nil
}

func (d *drawing) heading(text string) {
	d.Ln(lineHeight)
	d.SetFont("Helvetica", "B", textSize+2)
	d.CellFormat(0, rowHeight+2, d.encode(text), "", 1, "L", false, 0, "")
	d.SetFont("Helvetica", "", textSize)
}

func (d *drawing) row(label, value string) {
	d.CellFormat(labelWidth, rowHeight, d.encode(label), "B", 0, "L", false, 0, "")
	d.CellFormat(valueWidth, rowHeight, d.encode(value), "B", 1, "R", false, 0, "")
}

func (d *drawing) paragraph(text string) {
	d.MultiCell(0, lineHeight, d.encode(text), "", "L", false)
	d.Ln(1)
}

func (d *drawing) parties(f contractFacts) {
	d.SetFont("Helvetica", "B", textSize+6)
	d.CellFormat(0, rowHeight+4, "Loan agreement", "", 1, "L", false, 0, "")
	d.SetFont("Helvetica", "", textSize)
	d.row("Agreement", f.ID.String())
	d.row("Made on", f.At.UTC().Format(time.DateOnly))
	d.row("Lender", f.Lender)
	d.row("Borrower (customer reference)", f.CustomerID.String())
	d.row("Application", f.ApplicationID.String())
	d.row("Offer accepted by the borrower", f.OfferID.String())
}

func (d *drawing) keyFacts(f contractFacts) {
	k, terms := f.KeyFacts, f.Schedule.Terms
	d.heading("1. Key facts statement")
	d.row("Loan amount (principal)", k.Principal.String())
	d.row("Interest rate, per annum", terms.AnnualRatePercent.String()+" %")
	d.row("Repayment", strings.ReplaceAll(string(terms.Method), "_", " "))
	d.row("Planned day of disbursement", terms.DisbursementDate.String())
	d.row("Instalments", strconv.Itoa(k.Instalments))
	d.row("Instalment", k.Instalment.String())
	d.row("First due date", f.Schedule.At(0).Due.String())
	d.row("Last due date", f.Schedule.MaturityDate().String())
	d.row("Total interest", k.TotalInterest.String())
	d.row("Charges of the lender", k.LenderCharges.String())
	d.row("Charges of third parties", k.ThirdPartyCharges.String())
	d.row("Total charges", k.TotalCharges.String())
	d.row("Paid out after charges (net disbursed)", k.NetDisbursed.String())
	d.row("Total to be repaid", k.TotalPaid.String())
	d.row("Annual percentage rate (APR)", k.APRPercent.Fixed(2)+" %")
	d.row("Effective annual rate", k.EffectiveAnnualPercent.Fixed(2)+" %")
}

func (d *drawing) fees(fees []amortization.Fee) {
	if len(fees) == 0 {
		return
	}
	d.heading("2. Charges")
	for _, fee := range fees {
		value := fee.Percent.String() + " % of " + string(fee.Basis)
		if fee.Percent.IsZero() {
			value = fee.Amount.String()
		}
		if !fee.TaxPercent.IsZero() {
			value += ", plus " + fee.TaxPercent.String() + " % tax"
		}
		d.row(fee.Name, value+", "+strings.ReplaceAll(string(fee.When), "_", " "))
	}
}

func (d *drawing) consent(f contractFacts) {
	d.heading("3. Agreement")
	d.paragraph(fmt.Sprintf("The lender lends the borrower %s and pays out %s. The borrower repays the loan with the "+
		"interest and charges stated above in the instalments of the schedule below, each on its due date.",
		f.KeyFacts.Principal, f.KeyFacts.NetDisbursed))
	d.paragraph("The schedule is part of this agreement. It is named by the following SHA-256 hash, which is the hash " +
		"in the offer that the borrower accepted:")
	d.SetFont("Courier", "", textSize-1)
	d.paragraph(f.Schedule.Hash())
	d.SetFont("Helvetica", "", textSize)
	d.paragraph("The borrower consents by the one-time code that the lender sends, upon which the lender seals this " +
		"document with its electronic signature, or by signing below by hand and sending in the signed copy.")
	d.Ln(3 * lineHeight)
	d.CellFormat(labelWidth, rowHeight, "Place, date", "T", 0, "L", false, 0, "")
	d.CellFormat(valueWidth-labelWidth, rowHeight, "", "", 0, "L", false, 0, "")
	d.CellFormat(labelWidth, rowHeight, "Signature of the borrower", "T", 1, "L", false, 0, "")
}

func (d *drawing) schedule(s *amortization.Schedule) {
	d.AddPage()
	d.heading("4. Repayment schedule, amounts in " + s.Terms.Principal.Currency().Code())
	header := func() {
		d.SetFont("Helvetica", "B", smallSize)
		for _, c := range columns {
			d.CellFormat(c.size.Wd, rowHeight, c.title, "B", 0, c.align, false, 0, "")
		}
		d.Ln(-1)
		d.SetFont("Helvetica", "", smallSize)
	}
	header()
	d.SetHeaderFunc(header)
	for _, instalment := range s.All() {
		for _, c := range columns {
			d.CellFormat(c.size.Wd, rowHeight, c.value(instalment), "", 0, c.align, false, 0, "")
		}
		d.Ln(-1)
	}
	d.SetFont("Helvetica", "B", smallSize)
	total := amortization.Instalment{
		Principal: s.Totals.Principal, Interest: s.Totals.Interest, Fees: s.Totals.Fees, Total: s.Totals.Total,
	}
	for i, c := range columns {
		text := ""
		if i >= 3 && i <= 6 {
			text = c.value(total)
		}
		d.CellFormat(c.size.Wd, rowHeight, text, "T", 0, c.align, false, 0, "")
	}
	d.Ln(-1)
}

// printable tells whether the standard fonts, which know Western European
// characters only, can write the lender's name: a contract must not misspell it.
func printable(lender string) error {
	if _, err := charmap.Windows1252.NewEncoder().String(lender); err != nil {
		return fmt.Errorf("the lender's name %q has characters that the contract's fonts do not have", lender)
	}
	return nil
}
