package view

import (
	"math"
	"strings"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// differenceBy is what a plot of the difference is called, by the kind of the Goal.
var differenceBy = map[string]string{
	reading.Goal: "canary minus stable, in points", reading.GoalOfMeans: "canary minus stable",
}

// effectBy is the outcome of a Goal in words, with its mark.
var effectBy = map[string]string{
	analysis.EffectBetter: "✓ Better", analysis.EffectWorse: "✗ Worse", analysis.EffectSame: "= Same", analysis.EffectOpen: "● Open",
	analysis.EffectSkewed: "≠ Skewed",
}

// outcome is the verdict of a metric; of a Goal that has data, what it came to.
func (d evidence) outcome(m v1alpha1.MetricStatus) string {
	effect, known := effectBy[m.Outcome]
	if !known || m.Verdict == v1alpha1.VerdictNoData {
		return d.verdict(m.Verdict)
	}
	return d.paint.in(toneBy[m.Verdict], effect)
}

// said is a verdict of before in words.
func said(kind string, v v1alpha1.Verdict) string {
	mark, _, _ := strings.Cut(saidBy[v], " ")
	if reading.IsGoal(kind) && v != v1alpha1.VerdictNoData {
		return mark + " " + reading.VerdictWord(kind, v)
	}
	return saidBy[v]
}

// test says where the A/B test is, and what comes of it.
func (d evidence) test(t *reading.ABTest) node {
	text := "step " + t.Step
	least := reading.Span(t.For.Duration.Duration) + " at least"
	if t.AtMost != nil {
		least += ", " + reading.Span(t.AtMost.Duration.Duration) + " at most"
	}
	switch {
	case t.Since.IsZero() && t.Over:
		text += " never began"
	case t.Since.IsZero():
		text += " has not begun; " + least
	case t.Over:
		text += " lasted " + reading.Span(t.Lasted) + ", " + least
	default:
		text += " for " + reading.Span(t.Lasted) + " now, " + least
	}
	if !t.Over {
		text += "; then " + t.Decides()
	}
	text += "."
	if t.Metric == nil && !t.Since.IsZero() {
		text += " " + sentence(t.Result())
	}
	if !math.IsNaN(t.CanaryUsers) && !math.IsNaN(t.StableUsers) {
		text += " Counted " + reading.Users(t.CanaryUsers) + " users of canary and " + reading.Users(t.StableUsers) + " of stable."
	}
	return node{lead: d.paint.faint("A/B test: "), text: text}
}
