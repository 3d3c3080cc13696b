package report

import (
	"bytes"
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	_ "gonum.org/v1/plot/vg/vgsvg" // the format that is drawn

	"github.com/tenor-lending/tenor/bench/result"
)

const (
	plotWidth  = 15 * vg.Centimeter
	plotHeight = 8 * vg.Centimeter
	sans       = font.Variant("Sans")
	lineWidth  = vg.Length(1.5)
	pointSize  = vg.Length(2.5)
)

// drawSVG draws a plot as an SVG document. A plot without points has none.
func drawSVG(p result.Plot) ([]byte, error) {
	picture := plot.New()
	picture.Title.Text, picture.X.Label.Text, picture.Y.Label.Text = p.Title, p.XLabel, p.YLabel
	for _, style := range []*draw.TextStyle{
		&picture.Title.TextStyle, &picture.X.Label.TextStyle, &picture.Y.Label.TextStyle, &picture.X.Tick.Label,
		&picture.Y.Tick.Label, &picture.Legend.TextStyle,
	} {
		style.Font.Variant = sans
	}
	picture.Legend.Top = true
	if p.Log {
		picture.X.Scale, picture.Y.Scale = plot.LogScale{}, plot.LogScale{}
		picture.X.Tick.Marker, picture.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	} else {
		picture.Y.Min = 0
	}
	picture.Legend.Left = true
	picture.Add(plotter.NewGrid())
	drawn := false
	for i, line := range p.Lines {
		points := pointsOf(line, p.Log)
		if len(points) == 0 {
			continue
		}
		drawn = true
		curve, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, fmt.Errorf("drawing %q: %w", p.Title, err)
		}
		curve.Color, dots.Color = plotutil.Color(i), plotutil.Color(i)
		curve.Width, dots.Radius, dots.Shape = lineWidth, pointSize, draw.CircleGlyph{}
		picture.Add(curve, dots)
		picture.Legend.Add(line.Name, curve, dots)
	}
	if !drawn {
		return nil, nil
	}
	const headroom = 1.2 // for the legend
	picture.Y.Max *= headroom
	writer, err := picture.WriterTo(plotWidth, plotHeight, "svg")
	if err != nil {
		return nil, fmt.Errorf("drawing %q: %w", p.Title, err)
	}
	var svg bytes.Buffer
	if _, err := writer.WriteTo(&svg); err != nil {
		return nil, fmt.Errorf("drawing %q: %w", p.Title, err)
	}
	return svg.Bytes(), nil
}

// pointsOf leaves out what a logarithmic axis cannot show.
func pointsOf(line result.Line, log bool) plotter.XYs {
	var points plotter.XYs
	for _, p := range line.Points {
		if !log || (p[0] > 0 && p[1] > 0) {
			points = append(points, plotter.XY{X: p[0], Y: p[1]})
		}
	}
	return points
}
