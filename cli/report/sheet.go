package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"crossfade.io/crossfade/cli/reading"
)

// role is what a colour stands for. The page says which it is, by light and by dark, so a plot has the number of its role in its place.
type role uint8

const (
	ink role = iota + 1
	grid
	canary
	stable
	band
	fail
	pass
)

// variables are the roles' names in the page.
var variables = map[role]string{
	ink: "ink", grid: "grid", canary: "canary", stable: "stable", band: "band", fail: "fail", pass: "pass",
}

// RGBA is a grey that is nearly black, and of no other role.
func (r role) RGBA() (red, green, blue, alpha uint32) {
	return color.RGBA{R: uint8(r), G: uint8(r), B: uint8(r), A: math.MaxUint8}.RGBA()
}

const (
	width, height = 440, 210
	fontSize      = 10
	thin, thick   = 0.75, 1.75
)

// sheet is one plot over the time since the Release began.
type sheet struct {
	plot      *plot.Plot
	low, high float64
}

func newSheet(low, high float64) *sheet {
	p := plot.New()
	p.BackgroundColor = nil
	p.Y.Min, p.Y.Max = low, high
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color, axis.Tick.Color = grid, grid
		axis.Tick.Label.Color, axis.Tick.Label.Font.Size = ink, fontSize
		axis.Padding = 0
	}
	p.X.Tick.Marker = clock{}
	lines := plotter.NewGrid()
	lines.Vertical.Width = 0
	lines.Horizontal.Color, lines.Horizontal.Width = grid, thin
	p.Add(lines)
	return &sheet{plot: p, low: low, high: high}
}

// at is where a value of a point is; what is outside is at the edge.
func (s *sheet) at(p reading.Point, v float64) plotter.XY {
	return plotter.XY{X: p.At.Seconds(), Y: math.Min(math.Max(v, s.low), s.high)}
}

// curve connects what is known.
func (s *sheet) curve(points reading.Points, of func(reading.Point) float64, in role) error {
	var run plotter.XYs
	end := func() error {
		if len(run) == 0 {
			return nil
		}
		line, err := plotter.NewLine(run)
		if err != nil {
			return err
		}
		line.Color, line.Width = in, thick
		s.plot.Add(line)
		run = nil
		return nil
	}
	for _, p := range points {
		v := of(p)
		if math.IsNaN(v) {
			if err := end(); err != nil {
				return err
			}
			continue
		}
		run = append(run, s.at(p, v))
	}
	return end()
}

// band fills what is between two curves.
func (s *sheet) band(above, below plotter.XYs) error {
	ring := append(plotter.XYs{}, above...)
	for i := range below {
		ring = append(ring, below[len(below)-1-i])
	}
	area, err := plotter.NewPolygon(ring)
	if err != nil {
		return err
	}
	area.Color, area.Width = band, 0
	s.plot.Add(area)
	return nil
}

// level is a dashed line across.
func (s *sheet) level(v float64, in role) { s.plot.Add(level{v, in}) }

type level struct {
	value float64
	in    role
}

// Plot draws it.
func (l level) Plot(c draw.Canvas, p *plot.Plot) {
	y := c.Y(p.Y.Norm(l.value))
	c.StrokeLine2(draw.LineStyle{Color: l.in, Width: thin, Dashes: []vg.Length{5, 3}}, c.Min.X, y, c.Max.X, y)
}

// marks are lines where steps began, with their names.
type marks struct {
	entries []reading.Entry
	style   text.Style
}

// Plot draws them.
func (m marks) Plot(c draw.Canvas, p *plot.Plot) {
	free := c.Min.X
	for _, e := range m.entries {
		at := e.At.Seconds()
		if at < p.X.Min || at > p.X.Max {
			continue
		}
		x := c.X(p.X.Norm(at))
		c.StrokeLine2(draw.LineStyle{Color: ink, Width: thin, Dashes: []vg.Length{1, 3}}, x, c.Min.Y, x, c.Max.Y)
		label := e.String()
		if wide := m.style.Width(label); x >= free && x+wide <= c.Max.X {
			c.FillText(m.style, vg.Point{X: x + 3, Y: c.Max.Y - 1}, label)
			free = x + wide + fontSize
		}
	}
}

// prolog is what comes before the element in a file of its own.
var prolog = regexp.MustCompile(`(?s)^.*?<svg `)

// svg draws the sheet as an element of a page.
func (s *sheet) svg(points reading.Points, entries []reading.Entry) (template.HTML, error) {
	s.plot.X.Min, s.plot.X.Max = points[0].At.Seconds(), points[len(points)-1].At.Seconds()
	for i, e := range entries {
		// What was under way at the beginning is at the edge.
		if e.At < points[0].At && (i == len(entries)-1 || entries[i+1].At > points[0].At) {
			e.At = points[0].At
			entries = append([]reading.Entry{e}, entries[i+1:]...)
			break
		}
	}
	style := s.plot.X.Tick.Label
	style.XAlign, style.YAlign = text.XLeft, text.YTop
	s.plot.Add(marks{entries, style})
	canvas := vgsvg.New(width, height)
	s.plot.Draw(draw.New(canvas))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return "", err
	}
	element := prolog.ReplaceAllString(out.String(), `<svg role="img" `)
	for r, name := range variables {
		element = strings.ReplaceAll(element, fmt.Sprintf("#%02X%02X%02X", uint8(r), uint8(r), uint8(r)), "var(--"+name+")")
	}
	return template.HTML(element), nil //nolint:gosec // texts in it were escaped by vgsvg
}
