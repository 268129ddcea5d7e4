package view

import (
	"math"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"crossfade.io/crossfade/cli/reading"
)

// plot is the frame around a canvas: labels at the left, time below.
type plot struct {
	columns int
	points  reading.Points
	entries []reading.Entry
	paint   paint
}

const (
	// gutter is what the labels at the left take.
	gutter = 10
	// low is how many rows a plot of both arms has.
	low = 5
)

// ratio draws how many times as bad the canary is, with its band, by powers of two, and the line at 1.
func (p plot) ratio(t tone) []string {
	s := ratios(p.points)
	c := p.banded(s, 1, t, func(at reading.Point) bool { return at.Low >= 0 && at.High > 0 })
	labels := map[int]string{}
	for v := s.low; v <= s.high; v *= 2 {
		labels[c.row(s.place(v))] = reading.Times(v)
	}
	return p.framed(c, labels)
}

// difference draws that of a Goal, with its band, and the line at 0.
func (p plot) difference(kind string, t tone) []string {
	s := differences(p.points)
	c := p.banded(s, 0, t, func(reading.Point) bool { return true })
	copy(c.ground[c.row(s.place(0))], []rune(strings.Repeat("┈", c.columns))) // over the band too, which has it until there is a result
	labels := map[int]string{}
	for _, v := range reading.Between(s.low, s.high, s.step) {
		labels[c.row(s.place(v))] = reading.Signed(kind, v)
	}
	return p.framed(c, labels)
}

// banded draws what has a band where that can be drawn, and a line where both arms are equal.
func (p plot) banded(s scale, equal float64, t tone, drawn func(reading.Point) bool) *canvas {
	c := newCanvas(p.columns-gutter, s.rows())
	for column := range c.columns {
		if at, ok := p.during(column, c.columns); ok && drawn(at) {
			c.fill(column, s.place(at.Low), s.place(at.High), '░')
		}
	}
	for column := range c.columns {
		c.lay(column, c.row(s.place(equal)), '┈')
	}
	p.steps(c)
	p.draw(c, s, func(at reading.Point) float64 { return at.Ratio }, t, 1)
	return c
}

// arms draws canary, and stable dotted.
func (p plot) arms(kind string) []string {
	s := amounts(p.points)
	c := newCanvas(p.columns-gutter, low)
	p.steps(c)
	p.draw(c, s, func(at reading.Point) float64 { return at.Stable }, busy, 3)
	p.draw(c, s, func(at reading.Point) float64 { return at.Canary }, plain, 1)
	return p.framed(c, map[int]string{0: reading.Amount(kind, s.high), low - 1: reading.Amount(kind, s.low)})
}

// span is the time from the first point to the last.
func (p plot) span() (from, to time.Duration) {
	return p.points[0].At, p.points[len(p.points)-1].At
}

func (p plot) x(at time.Duration) float64 {
	from, to := p.span()
	return float64(at-from) / float64(to-from)
}

// during is what was known at the end of a column; false before anything was.
func (p plot) during(column, columns int) (reading.Point, bool) {
	from, to := p.span()
	at := from + time.Duration(float64(to-from)*float64(column+1)/float64(columns))
	var found reading.Point
	known := false
	for _, point := range p.points {
		if point.At > at {
			break
		}
		if !math.IsNaN(point.Low) && !math.IsNaN(point.High) {
			found, known = point, true
		}
	}
	return found, known
}

// draw connects what is known.
func (p plot) draw(c *canvas, s scale, of func(reading.Point) float64, t tone, every int) {
	known := false
	var x, y float64
	for _, at := range p.points {
		v := of(at)
		if math.IsNaN(v) {
			known = false
			continue
		}
		nextX, nextY := p.x(at.At), s.place(v)
		if known {
			c.line(x, y, nextX, nextY, t, every)
		} else {
			c.dot(nextX, nextY, t)
		}
		known, x, y = true, nextX, nextY
	}
}

// steps are lines where one began.
func (p plot) steps(c *canvas) {
	for _, e := range p.within() {
		for row := range c.rows {
			c.lay(c.column(p.x(e.At)), row, '┊')
		}
	}
}

// within are the steps that began between the first point and the last.
func (p plot) within() []reading.Entry {
	var all []reading.Entry
	from, to := p.span()
	for _, e := range p.entries {
		if e.At > from && e.At < to {
			all = append(all, e)
		}
	}
	return all
}

// before is the step that was under way at a time.
func (p plot) before(at time.Duration) string {
	last := ""
	for _, e := range p.entries {
		if e.At <= at {
			last = e.String()
		}
	}
	return last
}

// framed adds labels, by row, and the time.
func (p plot) framed(c *canvas, labels map[int]string) []string {
	var all []string
	for row, line := range c.lines(p.paint) {
		label, edge := labels[row], "│"
		if label != "" {
			edge = "┤"
		}
		all = append(all, p.paint.faint(right(label, gutter-2)+" "+edge)+line)
	}
	from, to := p.span()
	axis, under := strings.Repeat("─", c.columns), []rune(strings.Repeat(" ", c.columns))
	last := reading.Span(to)
	write(under, 0, strings.TrimSpace(reading.Span(from)+" "+p.before(from)))
	write(under, c.columns-len(last), last)
	for _, e := range p.within() {
		write(under, c.column(p.x(e.At)), reading.Span(e.At)+" "+e.String())
	}
	return append(all, p.paint.faint(strings.Repeat(" ", gutter-1)+"└"+axis), p.paint.faint(strings.Repeat(" ", gutter)+string(under)))
}

// write puts a word where nothing is, with a blank around it; else it is left out.
func write(line []rune, at int, word string) {
	runes := []rune(word)
	if at < 0 || at+len(runes) > len(line) {
		return
	}
	if strings.TrimSpace(string(line[max(at-1, 0):min(at+len(runes)+1, len(line))])) == "" {
		copy(line[at:], runes)
	}
}

// right fills a cell with blanks before a word.
func right(s string, width int) string {
	return strings.Repeat(" ", max(width-lipgloss.Width(s), 0)) + s
}
