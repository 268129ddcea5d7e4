package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"gonum.org/v1/plot"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// abtest is the section of an A/B test.
type abtest struct {
	*reading.ABTest

	Weight string
	// Course is that of its goal; nil before it was judged.
	Course *metric
}

// testOf is the A/B test of a Release with the course of its goal; nil if there is none.
func testOf(rel *v1alpha1.Release, metrics []metric, now time.Time) *abtest {
	test := reading.TestOf(rel, now)
	if test == nil {
		return nil
	}
	t := &abtest{ABTest: test}
	for _, e := range reading.Entries(rel) {
		if e.Step == test.Step {
			t.Weight = e.Weight
		}
	}
	for i := range metrics {
		if metrics[i].Name == test.Goal {
			t.Course = &metrics[i]
		}
	}
	return t
}

// Sentence is the result.
func (t *abtest) Sentence() string { return capital(strings.TrimSuffix(t.Result(), ".")) + "." }

// Least is when the test may end; the zero time before it began.
func (t *abtest) Least() time.Time { return t.after(&t.For) }

// Most is when the test ends in any case; the zero time if that isn't said.
func (t *abtest) Most() time.Time { return t.after(t.AtMost) }

func (t *abtest) after(d *v1alpha1.Duration) time.Time {
	if d == nil || t.Since.IsZero() {
		return time.Time{}
	}
	return t.Since.Add(d.Duration.Duration)
}

// Counted says whether users of both versions were.
func (t *abtest) Counted() bool { return !math.IsNaN(t.CanaryUsers) && !math.IsNaN(t.StableUsers) }

// Value is what the users are compared by.
func (t *abtest) Value() string {
	if t.Kind == reading.GoalOfMeans {
		return "Mean of " + t.Name()
	}
	return "Share with " + t.Name()
}

// Band is the difference with its band.
func (t *abtest) Band() string { return reading.Difference(t.Kind, *t.Metric) }

// Nothing is the difference that means nothing; empty if each counts.
func (t *abtest) Nothing() string {
	if math.IsNaN(t.Same) {
		return ""
	}
	text := strings.TrimPrefix(reading.Signed(t.Kind, t.Same), "+")
	if t.Kind == reading.Goal {
		text += " points"
	}
	return text
}

// difference has that of a Goal in its band; nil if there is none.
func difference(m v1alpha1.MetricStatus, points reading.Points) (*sheet, figure, error) {
	if !points.Banded() {
		return nil, figure{}, nil
	}
	low, high, step := points.DifferenceRange()
	s := newSheet(low, high)
	var ticks plot.ConstantTicks
	for _, v := range reading.Between(low, high, step) {
		ticks = append(ticks, plot.Tick{Value: v, Label: reading.Signed(m.Kind, v)})
	}
	s.plot.Y.Tick.Marker = ticks
	title := "Canary minus stable"
	if m.Kind == reading.Goal {
		title += ", in percentage points"
	}
	return s, figure{
		Title: title,
		Caption: "The line is the difference so far, the area the 95 % band around it, which holds at all times at once: " +
			"once 0, the dashed line, is outside, one version is better. What is beyond is drawn at the edge.",
	}, s.runs(points, 0)
}

// users has how many of both versions were newly counted, by the hour.
func users(_ v1alpha1.MetricStatus, points reading.Points) (*sheet, figure, error) {
	s, f, err := counts(points, time.Hour, func(v float64) string { return fmt.Sprintf("%.3g/h", v) })
	f.Title = "Users newly counted"
	return s, f, err
}
