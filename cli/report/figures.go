package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// metricOf draws what there is to be drawn of a metric.
func metricOf(rel *v1alpha1.Release, status v1alpha1.MetricStatus) (metric, error) {
	status.Kind = reading.Kind(rel, status)
	m, entries := metric{MetricStatus: status}, reading.Entries(rel)
	points, err := reading.Series(status)
	if err != nil || len(points) < 2 {
		return m, err
	}
	figures := []func(v1alpha1.MetricStatus, reading.Points) (*sheet, figure, error){ratio, evidence, arms, requests}
	if reading.IsGoal(m.Kind) {
		figures[0], figures[1], figures[3] = difference, arms, users
		figures = slices.Delete(figures, 2, 3)
	}
	for _, draw := range figures {
		sheet, f, err := draw(status, points)
		switch {
		case err != nil:
			return m, fmt.Errorf("draw metric %s: %w", status.Name, err)
		case sheet == nil:
			continue
		}
		f.SVG, err = sheet.svg(points, entries)
		if err != nil {
			return m, fmt.Errorf("draw metric %s: %w", status.Name, err)
		}
		m.Plots = append(m.Plots, f)
	}
	return m, nil
}

// ratio has the running ratio in its band; nil if there is none.
func ratio(m v1alpha1.MetricStatus, points reading.Points) (*sheet, figure, error) {
	if !points.Banded() {
		return nil, figure{}, nil
	}
	low, high := points.RatioRange()
	s := newSheet(low, high)
	s.plot.Y.Scale = plot.LogScale{}
	var ticks plot.ConstantTicks
	for v := low; v <= high; v *= 2 {
		ticks = append(ticks, plot.Tick{Value: v, Label: reading.Times(v)})
	}
	s.plot.Y.Tick.Marker = ticks
	return s, figure{
		Title:   "How many times " + reading.RatioTo(m.Kind),
		Caption: "The line is the running ratio, the area the 95 % band around it, which holds at all times at once. Logarithmic; what is beyond is drawn at the edge.",
	}, s.runs(points, 1)
}

// runs draws what has a band, and a line where both arms are equal.
func (s *sheet) runs(points reading.Points, equal float64) error {
	var above, below plotter.XYs
	for _, p := range points {
		if !math.IsNaN(p.Low) && !math.IsNaN(p.High) {
			above = append(above, s.at(p, p.High))
			below = append(below, s.at(p, p.Low))
		}
	}
	if err := s.band(above, below); err != nil {
		return err
	}
	s.level(equal, ink)
	return s.curve(points, func(p reading.Point) float64 { return p.Ratio }, canary)
}

// evidence has both sorts of it, and where each is enough.
func evidence(m v1alpha1.MetricStatus, points reading.Points) (*sheet, figure, error) {
	fails, passes := reading.Number(m.FailsAt), reading.Number(m.PassesAt)
	worse := func(p reading.Point) float64 { return p.Worse }
	safe := func(p reading.Point) float64 { return p.Safe }
	hasWorse := !math.IsNaN(points.Last(worse)) && !math.IsNaN(fails)
	hasSafe := !math.IsNaN(points.Last(safe)) && !math.IsNaN(passes)
	if !hasWorse && !hasSafe {
		return nil, figure{}, nil
	}
	const beyond = 1.4
	low, high := -math.Ln10, beyond*math.Max(zeroOf(fails), zeroOf(passes))
	s := newSheet(low, high)
	var ticks plot.ConstantTicks
	for power := -1; float64(power)*math.Ln10 <= high; power++ {
		ticks = append(ticks, plot.Tick{Value: float64(power) * math.Ln10, Label: fmt.Sprintf("%g", math.Pow10(power))})
	}
	s.plot.Y.Tick.Marker = ticks
	caption := "How many times likelier what was seen is if so than if not, logarithmic; dashed is what is enough. What is beyond is drawn at the edge."
	if hasWorse {
		s.level(fails, fail)
		if err := s.curve(points, worse, fail); err != nil {
			return nil, figure{}, err
		}
		caption += " Red: that it is worse than it may be, to fail."
		if m.Kind == "Split" {
			caption += " Of the split, that it isn't the declared one."
		}
	}
	if hasSafe {
		s.level(passes, pass)
		if err := s.curve(points, safe, pass); err != nil {
			return nil, figure{}, err
		}
		caption += " Green: that it is as good as it must be, to pass."
	}
	return s, figure{Title: "Evidence", Caption: caption}, nil
}

func zeroOf(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// headroom is the part of a plot in which the names of steps are.
const headroom = 0.15

// arms has what canary and stable were since the point before.
func arms(m v1alpha1.MetricStatus, points reading.Points) (*sheet, figure, error) {
	value, first, second := reading.ArmWords(m.Kind)
	ofCanary := func(p reading.Point) float64 { return p.Canary }
	ofStable := func(p reading.Point) float64 { return p.Stable }
	if math.IsNaN(points.Last(ofCanary)) {
		return nil, figure{}, nil
	}
	low, high := points.AmountRange()
	s := newSheet(low, high+(high-low)*headroom)
	s.plot.Y.Tick.Marker = labelled(func(v float64) string { return reading.Amount(m.Kind, v) })
	caption := fmt.Sprintf("Blue: %s, %s at last.", first, reading.Amount(m.Kind, points.Last(ofCanary)))
	if last := points.Last(ofStable); !math.IsNaN(last) && second != "" {
		caption += fmt.Sprintf(" Grey: %s, %s at last.", second, reading.Amount(m.Kind, last))
		if err := s.curve(points, ofStable, stable); err != nil {
			return nil, figure{}, err
		}
	}
	err := s.curve(points, ofCanary, canary)
	return s, figure{Title: capital(value), Caption: caption}, err
}

// requests has how many both arms had, by the second.
func requests(_ v1alpha1.MetricStatus, points reading.Points) (*sheet, figure, error) {
	s, f, err := counts(points, time.Second, func(v float64) string { return fmt.Sprintf("%.3g/s", v) })
	f.Title = "Requests"
	return s, f, err
}

// counts has what was counted of both arms, by a unit of time; nil if nothing was.
func counts(points reading.Points, by time.Duration, label labelled) (*sheet, figure, error) {
	rates := make(reading.Points, 0, len(points))
	highest := 0.0
	for i := 1; i < len(points); i++ {
		p, units := points[i], float64(points[i].At-points[i-1].At)/float64(by)
		p.Canary, p.Stable = p.CanaryRequests/units, p.StableRequests/units
		for _, v := range []float64{p.Canary, p.Stable} {
			if v > highest && !math.IsInf(v, 0) {
				highest = v
			}
		}
		rates = append(rates, p)
	}
	if highest == 0 {
		return nil, figure{}, nil
	}
	s := newSheet(0, highest*(1+headroom))
	s.plot.Y.Tick.Marker = label
	if err := s.curve(rates, func(p reading.Point) float64 { return p.Stable }, stable); err != nil {
		return nil, figure{}, err
	}
	err := s.curve(rates, func(p reading.Point) float64 { return p.Canary }, canary)
	return s, figure{Caption: "Blue: canary. Grey: stable."}, err
}

func capital(word string) string {
	return string(word[0]-'a'+'A') + word[1:]
}

// labelled are a handful of round values, written so.
type labelled func(float64) string

// Ticks are those of an axis.
func (l labelled) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = l(ticks[i].Value)
		}
	}
	return ticks
}

// clock are round times since the Release began.
type clock struct{}

// Ticks are those of an axis in seconds.
func (clock) Ticks(low, high float64) []plot.Tick {
	const most = 6
	var ticks []plot.Tick
	every := 15.0
	for _, next := range []float64{30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 604800} {
		if (high-low)/every <= most {
			break
		}
		every = next
	}
	last := high - (high-low)/100 // what is written at the very edge would be cut off
	for v := math.Ceil(low/every) * every; v <= last; v += every {
		ticks = append(ticks, plot.Tick{Value: v, Label: reading.Span(time.Duration(v * float64(time.Second)))})
	}
	return ticks
}
