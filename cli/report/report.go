// Package report writes what there is to be said of a Release's evidence as one page of HTML, with plots, that needs no network.
package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

//go:embed page.html
var source string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"time":   func(t any) string { return written(t) },
	"span":   reading.Span,
	"users":  reading.Users,
	"amount": reading.Amount,
	"lower": func(v any) string {
		return strings.ToLower(fmt.Sprint(v))
	},
}).Parse(source))

// Write writes the page on a Release.
func Write(out io.Writer, rel *v1alpha1.Release, now time.Time) error {
	m := model{
		Release: rel, Analysis: rel.Status.Analysis, Now: now, Took: reading.Took(rel, now), Began: reading.Began(rel),
		Unjudged: reading.Unjudged(rel), Steps: steps(rel, now),
	}
	if m.Analysis != nil {
		for _, status := range m.Analysis.Metrics {
			metric, err := metricOf(rel, status)
			if err != nil {
				return fmt.Errorf("write the report on Release %s/%s: %w", rel.Namespace, rel.Name, err)
			}
			m.Metrics = append(m.Metrics, metric)
		}
	}
	m.Test = testOf(rel, m.Metrics, now)
	var text bytes.Buffer
	if err := page.Execute(&text, m); err != nil {
		return fmt.Errorf("write the report on Release %s/%s: %w", rel.Namespace, rel.Name, err)
	}
	_, err := out.Write(text.Bytes())
	return err
}

// model is what the page shows.
type model struct {
	Release  *v1alpha1.Release
	Analysis *v1alpha1.AnalysisStatus
	Now      time.Time
	Took     time.Duration
	Began    time.Time
	Unjudged string
	Steps    []step
	Metrics  []metric
	Test     *abtest
}

// Others are the metrics that have a section of their own: not the one that the A/B test shows.
func (m model) Others() []metric {
	return slices.DeleteFunc(slices.Clone(m.Metrics), func(other metric) bool { return m.Test != nil && other.Name == m.Test.Goal })
}

// Message is why the Release is where it is; empty if that is its evidence.
func (m model) Message() string {
	message := cmp.Or(m.Release.Status.Progress.CauseMessage, m.Release.Status.Message)
	if m.Analysis != nil && message == m.Analysis.Message {
		return ""
	}
	return message
}

// From and To are the images of both versions.
func (m model) From() string { return images(m.Release.Status.Stable) }

// To are the images of the canary.
func (m model) To() string { return images(m.Release.Status.Canary) }

func images(r *v1alpha1.RevisionStatus) string {
	if r == nil {
		return ""
	}
	return strings.Join(r.Images, ", ")
}

// step is one visit of one.
type step struct {
	Name, Weight string
	Entered      time.Time
	InEffect     *time.Time
	// Lasted is for how long, until now if it still does.
	Lasted time.Duration
	Over   bool
}

func steps(rel *v1alpha1.Release, now time.Time) []step {
	entries := reading.Entries(rel)
	all := make([]step, len(entries))
	for i, visit := range rel.Status.Steps {
		s := step{Name: visit.Name, Weight: entries[i].Weight, Entered: visit.EnteredAt.Time, Over: visit.EndedAt != nil || reading.Ended(rel)}
		end := now
		switch {
		case visit.EndedAt != nil:
			end = visit.EndedAt.Time
		case rel.Status.EndedAt != nil:
			end = rel.Status.EndedAt.Time
		}
		if visit.StartedAt != nil {
			s.InEffect = &visit.StartedAt.Time
		}
		s.Lasted = end.Sub(s.Entered)
		all[i] = s
	}
	return all
}

// metric is one with its plots.
type metric struct {
	v1alpha1.MetricStatus
	Plots []figure
}

// figure is a plot with what is written under it.
type figure struct {
	Title, Caption string
	SVG            template.HTML
}

// Goal says whether the metric is one.
func (m metric) Goal() bool { return reading.IsGoal(m.Kind) }

// Word is a verdict of before.
func (m metric) Word(v v1alpha1.Verdict) string { return reading.VerdictWord(m.Kind, v) }

// Said is the verdict; of a Goal that has data, what it came to.
func (m metric) Said() string {
	if m.Outcome != "" && m.Verdict != v1alpha1.VerdictNoData {
		return m.Outcome
	}
	return string(m.Verdict)
}

// Band is the ratio, or the difference, with its band, for people.
func (m metric) Band() string {
	if reading.IsGoal(m.Kind) {
		return reading.Difference(m.Kind, m.MetricStatus)
	}
	if math.IsNaN(reading.Number(m.Ratio)) {
		return ""
	}
	text := m.Ratio + "x " + reading.RatioTo(m.Kind)
	if m.Low != "" && m.High != "" {
		text += " (" + m.Low + "–" + strings.Replace(m.High, "+Inf", "∞", 1) + ")"
	}
	return text
}

// Against is the evidence that it is worse, beside what is enough; As that it is as good.
func (m metric) Against() string { return beside(m.Worse, m.FailsAt) }

// As is the evidence that it is as good, beside what is enough.
func (m metric) As() string { return beside(m.Safe, m.PassesAt) }

func beside(is, limit string) string {
	log, enough := reading.Number(is), reading.Number(limit)
	if math.IsNaN(log) || math.IsNaN(enough) {
		return ""
	}
	return fmt.Sprintf("%s of %.0f", reading.Odds(log), math.Exp(enough))
}

func written(t any) string {
	var at time.Time
	switch t := t.(type) {
	case time.Time:
		at = t
	case *time.Time:
		if t == nil {
			return ""
		}
		at = *t
	}
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05 UTC")
}
