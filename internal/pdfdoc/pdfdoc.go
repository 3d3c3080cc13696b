// Package pdfdoc draws the documents that people get: headings, rows of a label
// and a value, paragraphs, and tables over as many pages as they need. The same
// content and date give the same bytes, so that a document can be hashed.
//
// It owns the look of documents. It must not know what they are about.
package pdfdoc

import (
	"bytes"
	"fmt"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/text/encoding/charmap"
)

// Layout, in millimetres and points.
const (
	Margin     = 18
	LineHeight = 5
	RowHeight  = 6
	LabelWidth = 74
	ValueWidth = 100
	TextSize   = 10
	SmallSize  = 8
	bottom     = 20
)

// Orientation is how a page lies.
type Orientation string

// The orientations.
const (
	Portrait  Orientation = "P"
	Landscape Orientation = "L"
)

// Document is a document in the making, with a first page.
type Document struct {
	*fpdf.Fpdf
	encode func(string) string // to the character set of the standard fonts
}

// New begins a document of a moment. Each page is numbered after the footer.
func New(title, footer string, at time.Time, lies Orientation) *Document {
	pdf := fpdf.New(string(lies), "mm", "A4", "")
	d := &Document{Fpdf: pdf, encode: pdf.UnicodeTranslatorFromDescriptor("")}
	d.SetCatalogSort(true)
	d.SetCreationDate(at)
	d.SetModificationDate(at)
	d.SetProducer("Tenor", true)
	d.SetTitle(title, true)
	d.SetMargins(Margin, Margin, Margin)
	d.SetAutoPageBreak(true, bottom)
	d.AliasNbPages("")
	d.SetFooterFunc(func() {
		d.SetY(-bottom + LineHeight)
		d.SetFont("Helvetica", "", SmallSize)
		text := fmt.Sprintf("%s, page %d of {nb}", d.encode(footer), d.PageNo())
		d.CellFormat(0, LineHeight, text, "", 0, "C", false, 0, "")
	})
	d.AddPage()
	return d
}

// Title writes what the document is.
func (d *Document) Title(text string) {
	d.SetFont("Helvetica", "B", TextSize+6)
	d.CellFormat(0, RowHeight+4, d.encode(text), "", 1, "L", false, 0, "")
	d.SetFont("Helvetica", "", TextSize)
}

// Heading begins a section.
func (d *Document) Heading(text string) {
	d.Ln(LineHeight)
	d.SetFont("Helvetica", "B", TextSize+2)
	d.CellFormat(0, RowHeight+2, d.encode(text), "", 1, "L", false, 0, "")
	d.SetFont("Helvetica", "", TextSize)
}

// Row writes a label and its value.
func (d *Document) Row(label, value string) {
	d.CellFormat(LabelWidth, RowHeight, d.encode(label), "B", 0, "L", false, 0, "")
	d.CellFormat(ValueWidth, RowHeight, d.encode(value), "B", 1, "R", false, 0, "")
}

// Paragraph writes text over as many lines as it needs.
func (d *Document) Paragraph(text string) {
	d.MultiCell(0, LineHeight, d.encode(text), "", "L", false)
	d.Ln(1)
}

// Column is a column of a table.
type Column struct {
	Title string
	Width int // millimetres
	Align string
}

// Table writes rows under the titles of the columns, which are repeated on each
// page that the table goes on to, and the last row, if any, as its sum.
func (d *Document) Table(columns []Column, rows [][]string, sum []string) {
	header := func() {
		d.SetFont("Helvetica", "B", SmallSize)
		for _, c := range columns {
			d.CellFormat(float64(c.Width), RowHeight, d.encode(c.Title), "B", 0, c.Align, false, 0, "")
		}
		d.Ln(-1)
		d.SetFont("Helvetica", "", SmallSize)
	}
	header()
	d.SetHeaderFunc(header)
	cells := func(row []string, border string) {
		for i, c := range columns {
			d.CellFormat(float64(c.Width), RowHeight, d.encode(row[i]), border, 0, c.Align, false, 0, "")
		}
		d.Ln(-1)
	}
	for _, row := range rows {
		cells(row, "")
	}
	if sum != nil {
		d.SetFont("Helvetica", "B", SmallSize)
		cells(sum, "T")
	}
	d.SetHeaderFunc(nil)
	d.SetFont("Helvetica", "", TextSize)
}

// Bytes ends the document.
func (d *Document) Bytes() ([]byte, error) {
	var out bytes.Buffer
	if err := d.Output(&out); err != nil {
		return nil, fmt.Errorf("drawing a document: %w", err)
	}
	return out.Bytes(), nil
}

// Printable tells whether the standard fonts, which know Western European
// characters only, can write a name: a document must not misspell it.
func Printable(name string) error {
	if _, err := charmap.Windows1252.NewEncoder().String(name); err != nil {
		return fmt.Errorf("the name %q has characters that the fonts of documents do not have", name)
	}
	return nil
}
