package reading

import (
	"fmt"
	"math"
	"strings"
	"time"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// ABTest is one as it stands.
type ABTest struct {
	v1alpha1.ABTest

	// Metric is its goal; nil before that was judged. Kind is the metric's.
	Metric *v1alpha1.MetricStatus
	Kind   string
	// Since is when its step came into effect, the zero time before. Lasted is for how long, until now if it still does.
	Since  time.Time
	Lasted time.Duration
	Over   bool
	// CanaryUsers and StableUsers are how many were counted, NaN if that isn't known; Canary and Stable their shares or means.
	CanaryUsers, StableUsers float64
	Canary, Stable           float64
	// Same is the difference that means nothing; NaN if each counts.
	Same float64
}

// TestOf is the A/B test of a Release, or nil.
func TestOf(rel *v1alpha1.Release, now time.Time) *ABTest {
	asked := rel.Spec.Policy.Strategy.ABTest
	if asked == nil {
		return nil
	}
	unknown := math.NaN()
	t := &ABTest{
		ABTest: *asked, Kind: Goal, Over: Ended(rel), Same: unknown,
		CanaryUsers: unknown, StableUsers: unknown, Canary: unknown, Stable: unknown,
	}
	if visit := LastVisit(rel, asked.Step); visit != nil && visit.StartedAt != nil {
		end := now
		switch {
		case visit.EndedAt != nil:
			end, t.Over = visit.EndedAt.Time, true
		case rel.Status.EndedAt != nil:
			end = rel.Status.EndedAt.Time
		}
		t.Since, t.Lasted = visit.StartedAt.Time, end.Sub(visit.StartedAt.Time)
	}
	if goal := goalOf(rel, asked.Goal); goal != nil && goal.Same != nil {
		t.Same = Number(string(*goal.Same))
	}
	if rel.Status.Analysis != nil {
		for i := range rel.Status.Analysis.Metrics {
			if m := &rel.Status.Analysis.Metrics[i]; m.Name == asked.Goal {
				t.count(m, Kind(rel, *m))
			}
		}
	}
	return t
}

// count takes what is known of the goal. What a series that can't be read has stays unknown.
func (t *ABTest) count(m *v1alpha1.MetricStatus, kind string) {
	t.Metric, t.Kind = m, kind
	points, err := Series(*m)
	if err != nil {
		return
	}
	t.CanaryUsers = points.sum(func(p Point) float64 { return p.CanaryRequests })
	t.StableUsers = points.sum(func(p Point) float64 { return p.StableRequests })
	t.Canary = points.Last(func(p Point) float64 { return p.Canary })
	t.Stable = points.Last(func(p Point) float64 { return p.Stable })
}

// sum is that of what is known of a column, or NaN.
func (p Points) sum(of func(Point) float64) float64 {
	sum := math.NaN()
	for _, at := range p {
		switch v := of(at); {
		case math.IsNaN(v):
		case math.IsNaN(sum):
			sum = v
		default:
			sum += v
		}
	}
	return sum
}

// Name is the goal's own, without its template's.
func (t *ABTest) Name() string { return t.Goal[strings.LastIndex(t.Goal, "/")+1:] }

// Outcome is how it stands; empty before users of both versions were counted.
func (t *ABTest) Outcome() string {
	if t.Metric == nil || t.Metric.Verdict == v1alpha1.VerdictNoData {
		return ""
	}
	return t.Metric.Outcome
}

// Result says it in one sentence.
func (t *ABTest) Result() string {
	said := ""
	switch t.Outcome() {
	case "":
		if t.CanaryUsers > 0 && t.StableUsers > 0 {
			return t.Metric.Reason
		}
		return "no users of both versions are counted yet"
	case analysis.EffectBetter:
		said = "the canary is better"
	case analysis.EffectWorse:
		said = "the canary is worse"
	case analysis.EffectSkewed:
		return "the versions can't be compared: " + t.Metric.Reason
	case analysis.EffectSame:
		said = "the versions are the same, as far as it matters"
	default:
		said = "neither version is shown to be better yet"
		if t.Over {
			said = "neither version was shown to be better"
		}
	}
	if math.IsNaN(t.Canary) || math.IsNaN(t.Stable) {
		return said + ": " + t.Metric.Reason
	}
	return fmt.Sprintf("%s: %s %s of canary and %s of stable, difference %s", said, t.Name(),
		Amount(t.Kind, t.Canary), Amount(t.Kind, t.Stable), Difference(t.Kind, *t.Metric))
}

// Decides says what comes of it.
func (t *ABTest) Decides() string {
	if t.Decision == v1alpha1.DecisionPromoteWinner {
		return "the canary goes on if it is shown to be better, and else goes back"
	}
	return "a person approves the step, or aborts"
}

// Users writes how many of a version were counted.
func Users(v float64) string {
	if math.IsNaN(v) {
		return "?"
	}
	return fmt.Sprintf("%.0f", v)
}
