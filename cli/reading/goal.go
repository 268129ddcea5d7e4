package reading

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

const (
	// Goal is the kind of a metric that compares shares of users.
	Goal = "Goal"
	// GoalOfMeans is the same kind where means are compared, such as of what users spent.
	GoalOfMeans = "Goal of means"
)

// Kind is that of a metric. Status has one word for both sorts of Goal; the templates that the Release keeps know which it is.
func Kind(rel *v1alpha1.Release, m v1alpha1.MetricStatus) string {
	if goal := goalOf(rel, m.Name); m.Kind == Goal && goal != nil && len(goal.Canary.Squares) > 0 {
		return GoalOfMeans
	}
	return m.Kind
}

// IsGoal says whether a kind is one of a Goal.
func IsGoal(kind string) bool { return kind == Goal || kind == GoalOfMeans }

// goalOf is what a metric of that name, after its template's, was asked; nil if that isn't known.
func goalOf(rel *v1alpha1.Release, name string) *v1alpha1.GoalMetric {
	asked := rel.Spec.Policy.Analysis
	if asked == nil {
		return nil
	}
	for i, ref := range asked.Templates[:min(len(asked.Templates), len(rel.Spec.AnalysisTemplates))] {
		metric, ofTemplate := strings.CutPrefix(name, ref.Name+"/")
		var template v1alpha1.AnalysisTemplateSpec
		if !ofTemplate || json.Unmarshal([]byte(rel.Spec.AnalysisTemplates[i]), &template) != nil {
			continue
		}
		for _, m := range template.Metrics {
			if m.Name == metric && m.Goal != nil {
				return m.Goal
			}
		}
	}
	return nil
}

// VerdictWord is a verdict of before in a word. Of a Goal it doesn't say which of both an inconclusive one was, Open or Same.
func VerdictWord(kind string, v v1alpha1.Verdict) string {
	switch {
	case !IsGoal(kind):
		return string(v)
	case v == v1alpha1.VerdictPass:
		return analysis.EffectBetter
	case v == v1alpha1.VerdictFail:
		return analysis.EffectWorse
	case v == v1alpha1.VerdictInconclusive:
		return "Neither"
	}
	return string(v)
}

// Signed writes a difference by the kind of its Goal: of shares in percentage points.
func Signed(kind string, v float64) string {
	if kind == Goal {
		v *= 100
	}
	switch {
	case math.IsNaN(v):
		return "?"
	case math.IsInf(v, 1):
		return "+∞"
	case math.IsInf(v, -1):
		return "-∞"
	case v == 0:
		return "0"
	}
	if math.Abs(v) >= 100 {
		return fmt.Sprintf("%+.0f", v)
	}
	return fmt.Sprintf("%+.3g", v)
}

// Difference writes that of a Goal with its band; empty if it isn't known.
func Difference(kind string, m v1alpha1.MetricStatus) string {
	v, half := Number(m.Difference), Number(m.Half)
	if math.IsNaN(v) {
		return ""
	}
	text := Signed(kind, v)
	if kind == Goal {
		text += " points"
	}
	if !math.IsNaN(half) {
		low, high := v-half, v+half
		if kind == Goal { // of shares, none of which is beyond all
			low, high = math.Max(low, -1), math.Min(high, 1)
		}
		text += fmt.Sprintf(" (%s to %s)", Signed(kind, low), Signed(kind, high))
	}
	return text
}

// DifferenceRange is what to draw of a difference and its band: round values so far apart, with 0 among them. What was known early
// may be outside, since bands are very wide then.
func (p Points) DifferenceRange() (low, high, step float64) {
	const early, steps, slack = 3, 4, 1e-6
	for _, at := range p[len(p)/early:] {
		for _, v := range []float64{at.Ratio, at.Low, at.High} {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
	}
	if low == high {
		low, high = -0.01, 0.01
	}
	step = roundUp((high - low) / steps)
	return step * math.Floor(low/step+slack), step * math.Ceil(high/step-slack), step
}

// roundUp is the next 1, 2 or 5 with zeroes.
func roundUp(v float64) float64 {
	power := math.Pow10(int(math.Floor(math.Log10(v))))
	for _, round := range []float64{1, 2, 5} {
		if v <= round*power {
			return round * power
		}
	}
	return 10 * power
}

// Between are the round values of a range. 0 is exactly that.
func Between(low, high, step float64) []float64 {
	var all []float64
	for k := math.Round(low / step); k <= math.Round(high/step); k++ {
		all = append(all, k*step+0)
	}
	return all
}
