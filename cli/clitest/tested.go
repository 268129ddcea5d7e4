package clitest

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

const day = 24 * time.Hour

// trial is an A/B test to be told.
type trial struct {
	decision string
	lasted   time.Duration
	// lift is how many times as often the canary's users do it; means are of what they spend.
	lift  float64
	means bool
}

// tests are Releases with A/B tests.
func tests() map[string]v1alpha1.Release {
	return map[string]v1alpha1.Release{
		"test-open":    tested(trial{v1alpha1.DecisionReport, 3*day + 4*time.Hour, 1.03, false}),
		"test-better":  Reported(),
		"test-means":   winnerless(),
		"test-to-come": untested(),
	}
}

// tested stands at step test, for so long, with half of the users.
func tested(t trial) v1alpha1.Release {
	rel := Release(4, t.lasted+2*time.Minute)
	goal := &v1alpha1.GoalMetric{Same: ptr.To(v1alpha1.Decimal("0.002"))}
	if t.means {
		goal = &v1alpha1.GoalMetric{Canary: v1alpha1.GoalCounters{Squares: []v1alpha1.Query{"spent_squares_total"}}}
	}
	template, err := json.Marshal(v1alpha1.AnalysisTemplateSpec{Metrics: []v1alpha1.AnalysisMetric{{Name: "orders", Goal: goal}}})
	if err != nil {
		panic(err)
	}
	rel.Spec.AnalysisTemplates = []string{string(template)}
	policy := &rel.Spec.Policy
	policy.Analysis = &v1alpha1.AnalysisSpec{Templates: []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}}
	policy.Strategy.Steps = []v1alpha1.Step{{Name: "test", Weight: ptr.To(intstr.FromInt32(50))}}
	policy.Strategy.ABTest = &v1alpha1.ABTest{Step: "test", Goal: "shop/orders", For: *lasting(7 * day), AtMost: lasting(14 * day), Decision: t.decision}
	AtStep(&rel, 0, t.lasted+time.Minute, t.lasted)
	rel.Status.Analysis = &v1alpha1.AnalysisStatus{
		At: *Ago(40 * time.Second), Verdict: v1alpha1.VerdictPass, Message: "nothing is judged at this step",
		Metrics: []v1alpha1.MetricStatus{orders(t, Now.Add(-t.lasted), Now.Add(-t.lasted-2*time.Minute))},
	}
	return rel
}

// Reported waits for a person, since its time is over.
func Reported() v1alpha1.Release {
	rel := tested(trial{v1alpha1.DecisionReport, 7*day + time.Hour, 1.2, false})
	message := "the test at step test has ended: " + rel.Status.Analysis.Metrics[0].Reason + "; approve the step, or abort"
	WaitsFor(&rel, "approval", message, 0)
	Set(&rel.Status.Conditions, v1alpha1.ConditionHeld, true, v1alpha1.ReasonHoldingApproval, message)
	return rel
}

// winnerless went back, since users of the canary spend less.
func winnerless() v1alpha1.Release {
	rel := tested(trial{v1alpha1.DecisionPromoteWinner, 9 * day, 0.9, true})
	message := "the test at step test has no winner: " + rel.Status.Analysis.Metrics[0].Reason
	End(&rel, day, v1alpha1.OutcomeFailed, "the stable version has everything")
	rel.Status.Progress.CauseMessage, rel.Status.Analysis.At = message, *Ago(day)
	rel.Status.Steps[0].EndedAt = Ago(day + time.Minute)
	return rel
}

// untested has yet to begin its step.
func untested() v1alpha1.Release {
	rel := tested(trial{decision: v1alpha1.DecisionPromoteWinner, lasted: time.Minute, lift: 1})
	AtStep(&rel, 0, time.Minute, -1)
	rel.Status.Analysis = nil
	return rel
}

// orders are counted sixty times, until a day ago in what has ended.
func orders(t trial, from, began time.Time) v1alpha1.MetricStatus {
	const looks, users, base, price = 60, 260, 0.06, 40
	asked := analysis.DefaultGoal()
	asked.Name, asked.More, asked.Phi = "orders", true, 1
	m := v1alpha1.MetricStatus{Name: "shop/orders", Kind: "Goal"}
	judge, series, r := analysis.NewDifference(asked), newTable(), rand.New(rand.NewPCG(11, uint64(100*t.lift)))
	var arms [2]sequential.Moments
	length := t.lasted
	if t.means {
		length -= day
	}
	for i := range looks {
		start, end := from.Add(length*time.Duration(i)/looks), from.Add(length*time.Duration(i+1)/looks)
		var now [2]sequential.Moments
		for arm, rate := range []float64{base * t.lift, base} {
			exposures := about(r, users)
			now[arm] = sequential.Moments{Exposures: exposures, Sum: math.Min(about(r, exposures*rate), exposures)}
			now[arm].Squares = now[arm].Sum
			if t.means {
				spent := price * rate / base * (1 + r.NormFloat64()/looks) // by every second user
				now[arm].Sum, now[arm].Squares = exposures*spent/2, exposures*spent*spent/2
			}
			arms[arm] = sequential.Moments{Exposures: arms[arm].Exposures + now[arm].Exposures, Sum: arms[arm].Sum + now[arm].Sum}
		}
		if t.means {
			judge.AddMeans(analysis.MeanInterval{Start: start, End: end, Weight: 500_000, Canary: now[0], Stable: now[1]})
		} else {
			count := func(of sequential.Moments) analysis.Counts {
				return analysis.Counts{Exposures: of.Exposures, Events: of.Sum}
			}
			judge.Add(analysis.Interval{Start: start, End: end, Weight: 500_000, Canary: count(now[0]), Stable: count(now[1])})
		}
		f, e := judge.Finding(), judge.Effect()
		record(&m, f, end)
		m.Outcome, m.Difference, m.Half = e.Outcome, number(e.Difference), number(e.Half)
		series.row(math.Floor(end.Sub(began).Seconds()), e.Difference, e.Difference-e.Half, e.Difference+e.Half, math.NaN(), math.NaN(),
			arms[0].Sum/arms[0].Exposures, arms[1].Sum/arms[1].Exposures, now[0].Exposures, now[1].Exposures)
	}
	m.Ratio, m.Low, m.High, m.Worse, m.Safe, m.Series = "", "", "", "", "", series.String()
	if len(m.Verdicts) == 0 {
		m.Verdicts = []v1alpha1.VerdictStatus{{At: metav1.NewMicroTime(from), Verdict: m.Verdict, Reason: m.Reason}}
	}
	return m
}
