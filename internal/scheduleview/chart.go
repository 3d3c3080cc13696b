package scheduleview

import (
	"fmt"
	"image/color"
	"io"
	"math/big"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/tenor-lending/tenor/amortization"
)

// Size of a chart in a terminal.
const (
	barWidth     = 50
	chartRowsMax = 48
)

// Chart draws one bar an instalment for a terminal: principal █, interest ▒,
// fees ░, and the balance after it. Long schedules show every so many rows.
func Chart(w io.Writer, s *amortization.Schedule) error {
	largest := int64(1)
	for _, row := range s.All() {
		largest = max(largest, row.Total.Minor())
	}
	every := (s.Len() + chartRowsMax - 1) / chartRowsMax
	var b strings.Builder
	fmt.Fprintf(&b, "%s  █ principal  ▒ interest  ░ fees\n", s.Terms.Principal.Currency())
	width := len(s.At(0).Opening.Text())
	for i := 0; i < s.Len(); i += every {
		row := s.At(i)
		principal, interest := row.Principal.Minor(), row.Interest.Minor()
		first := scaled(principal, largest)
		second := scaled(principal+interest, largest)
		third := scaled(row.Total.Minor(), largest)
		bar := strings.Repeat("█", first) + strings.Repeat("▒", max(0, second-first)) +
			strings.Repeat("░", max(0, third-max(first, second)))
		blank := strings.Repeat(" ", max(0, barWidth-max(first, second, third)))
		fmt.Fprintf(&b, "%5d  %s  %s%s  %*s\n", row.Number, row.Due, bar, blank, width, row.Closing.Text())
	}
	if every > 1 {
		fmt.Fprintf(&b, "every %d instalments of %d\n", every, s.Len())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// scaled returns part of barWidth, rounded to the nearest.
func scaled(part, largest int64) int {
	if part <= 0 {
		return 0
	}
	scaled := new(big.Int).Mul(big.NewInt(part), big.NewInt(2*barWidth))
	scaled.Add(scaled, big.NewInt(largest))
	return int(scaled.Div(scaled, new(big.Int).Mul(big.NewInt(largest), big.NewInt(2))).Int64())
}

// Size of a picture.
const (
	pictureWidth  = 9 * vg.Inch
	pictureHeight = 6 * vg.Inch
)

var (
	principalColour = color.RGBA{R: 0x2b, G: 0x6c, B: 0xb0, A: 0xff}
	interestColour  = color.RGBA{R: 0xed, G: 0x89, B: 0x36, A: 0xff}
	balanceColour   = color.RGBA{R: 0x4a, G: 0x55, B: 0x68, A: 0xff}
)

// SVG draws principal and interest of each instalment as stacked bars, and the
// balance as a line below them.
func SVG(w io.Writer, s *amortization.Schedule) error {
	bars, err := instalmentPlot(s)
	if err != nil {
		return err
	}
	balance, err := balancePlot(s)
	if err != nil {
		return err
	}
	canvas := vgsvg.New(pictureWidth, pictureHeight)
	whole := draw.New(canvas)
	middle := whole.Min.Y + (whole.Max.Y-whole.Min.Y)/2
	upper, lower := whole, whole
	upper.Min.Y, lower.Max.Y = middle, middle
	bars.Draw(upper)
	balance.Draw(lower)
	_, err = canvas.WriteTo(w)
	return err
}

// major places an amount on an axis; it is never read back as money.
func major(minor int64, exponent int) float64 {
	value := float64(minor)
	for range exponent {
		value /= 10
	}
	return value
}

func instalmentPlot(s *amortization.Schedule) (*plot.Plot, error) {
	p, exponent := plot.New(), s.Terms.Principal.Currency().Exponent()
	p.Title.Text = "Instalments"
	p.Y.Label.Text = s.Terms.Principal.Currency().Code()
	p.Legend.Top = true
	var principal, interest plotter.Values
	for _, row := range s.All() {
		principal = append(principal, major(row.Principal.Minor(), exponent))
		interest = append(interest, major(row.Interest.Minor(), exponent))
	}
	width := pictureWidth * 3 / 4 / vg.Length(s.Len())
	lower, err := plotter.NewBarChart(principal, width)
	if err != nil {
		return nil, err
	}
	upper, err := plotter.NewBarChart(interest, width)
	if err != nil {
		return nil, err
	}
	lower.Color, upper.Color = principalColour, interestColour
	lower.LineStyle.Width, upper.LineStyle.Width = 0, 0
	upper.StackOn(lower)
	p.Add(lower, upper)
	p.Legend.Add("principal", lower)
	p.Legend.Add("interest", upper)
	return p, nil
}

func balancePlot(s *amortization.Schedule) (*plot.Plot, error) {
	p, exponent := plot.New(), s.Terms.Principal.Currency().Exponent()
	p.Title.Text = "Balance"
	p.X.Label.Text = "instalment"
	p.Y.Label.Text = s.Terms.Principal.Currency().Code()
	points := plotter.XYs{{X: 0, Y: major(s.At(0).Opening.Minor(), exponent)}}
	for i, row := range s.All() {
		points = append(points, plotter.XY{X: float64(i + 1), Y: major(row.Closing.Minor(), exponent)})
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	line.Color, line.StepStyle = balanceColour, plotter.PostStep
	p.Add(line)
	p.Y.Min = 0
	return p, nil
}
