package clitest

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/sequential"
	"crossfade.io/crossfade/apis/v1alpha1"
)

// Judgements returns Releases of shop/checkout by what evidence there is on them: judged by the product's own judges, on
// made-up requests.
func Judgements() map[string]v1alpha1.Release {
	all := map[string]v1alpha1.Release{
		"worse":      worse(),
		"as-good":    judged(1, 40),
		"further":    further(),
		"no-numbers": numberless(),
		"unasked":    Holding(),
		"not-yet":    notYet(),
	}
	maps.Copy(all, tests())
	return all
}

func notYet() v1alpha1.Release {
	rel := Starting()
	rel.Spec.Policy.Analysis = &v1alpha1.AnalysisSpec{GoldenSignals: &v1alpha1.GoldenSignals{Source: "Traefik"}}
	return rel
}

// numberless has one metric of which nothing is known.
func numberless() v1alpha1.Release {
	rel := Holding()
	rel.Status.Analysis = &v1alpha1.AnalysisStatus{
		At: *Ago(2 * time.Second), Verdict: v1alpha1.VerdictNoData, Message: "errors: no data of prometheus shop/main: nothing answers there; look at its address",
		Metrics: []v1alpha1.MetricStatus{{
			Name: "errors", Kind: "Compare", Verdict: v1alpha1.VerdictNoData,
			Reason: "no data of prometheus shop/main: nothing answers there; look at its address",
		}},
	}
	return rel
}

// every is how often requests are counted.
const every = 15 * time.Second

// worse was taken back since its canary has four times stable's errors.
func worse() v1alpha1.Release {
	rel := judged(4, 8)
	message := rel.Status.Analysis.Message
	Decided(&rel, 6*time.Minute, "Failing", message)
	End(&rel, 5*time.Minute, v1alpha1.OutcomeFailed, "the stable version has everything")
	rel.Status.Progress.CauseMessage, rel.Status.Analysis.At = message, *Ago(5 * time.Minute)
	rel.Status.Analysis.Share, rel.Status.Analysis.Outlook = "", ""
	return rel
}

// further went on to step half four minutes ago.
func further() v1alpha1.Release {
	rel := judged(1, 40)
	AtStep(&rel, 2, 4*time.Minute, 4*time.Minute-10*time.Second)
	rel.Status.Steps[0].EnteredAt, rel.Status.Steps[0].StartedAt = *Ago(10 * time.Minute), Ago(10*time.Minute-20*time.Second)
	rel.Status.Steps[1].EnteredAt, rel.Status.Steps[1].StartedAt = *Ago(9 * time.Minute), Ago(8*time.Minute+40*time.Second)
	rel.Status.Analysis.Share, rel.Status.Analysis.Outlook = "49.7%", "evidence on errors takes about 1m30s at 50%"
	return rel
}

// judged stands at step first with a weight of 5 %, and a canary with so many times stable's errors, so many times looked at.
func judged(ratio float64, count int) v1alpha1.Release {
	rel := Holding()
	rel.Spec.Policy.Analysis = &v1alpha1.AnalysisSpec{GoldenSignals: &v1alpha1.GoldenSignals{Source: "Traefik"}}
	AtStep(&rel, 1, 9*time.Minute, 9*time.Minute-20*time.Second)
	started := metav1.NewTime(began)
	rel.Status.StartedAt = &started
	times := looks(count)
	r := rand.New(rand.NewPCG(7, uint64(ratio)))
	rel.Status.Analysis = &v1alpha1.AnalysisStatus{
		At: *Ago(2 * time.Second), Verdict: v1alpha1.VerdictInconclusive, Share: "4.8%",
		Outlook: "evidence on errors takes about 2m10s at 5%; about 1m30s at 50%",
		Metrics: []v1alpha1.MetricStatus{errorRate(r, times, ratio), latency(r, times), split(r, times), queue(r, times)},
	}
	first := rel.Status.Analysis.Metrics[0]
	rel.Status.Analysis.Verdict, rel.Status.Analysis.Message = first.Verdict, "errors: "+first.Reason
	return rel
}

// table writes a series.
type table struct{ strings.Builder }

func newTable() *table {
	t := &table{}
	t.WriteString("seconds,ratio,low,high,worse,safe,canary,stable,canaryRequests,stableRequests\n")
	return t
}

func (t *table) row(seconds float64, columns ...float64) {
	fmt.Fprintf(t, "%g", seconds)
	for _, v := range columns {
		t.WriteString("," + number(v))
	}
	t.WriteString("\n")
}

// number is as status has it: short, and empty for what isn't known.
func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%.4g", v)
}

// record is what there is to be said of a finding.
func record(m *v1alpha1.MetricStatus, f analysis.Finding, at time.Time) {
	if n := len(m.Verdicts); n == 0 || m.Verdicts[n-1].Verdict != f.Verdict {
		m.Verdicts = append(m.Verdicts, v1alpha1.VerdictStatus{At: metav1.NewMicroTime(at), Verdict: f.Verdict, Reason: f.Reason})
	}
	m.Verdict, m.Reason = f.Verdict, f.Reason
	m.Ratio, m.Low, m.High = number(f.Ratio), number(f.Low), number(f.High)
	m.Worse, m.Safe, m.Noise = number(f.Worse), number(f.Safe), number(f.Phi)
	m.Decides = ""
	if f.ETA > 0 {
		m.Decides = f.ETA.Round(time.Second).String()
	}
}

// began is when what is judged began.
var began = Now.Add(-10 * time.Minute)

// looks are the times at which requests were counted, from when the step was in effect.
func looks(count int) []time.Time {
	const first = 90 * time.Second
	all := make([]time.Time, count)
	for i := range all {
		all[i] = began.Add(first + time.Duration(i)*every)
	}
	return all[:min(count, int((10*time.Minute-first)/every))]
}

// about is a count with that mean.
func about(r *rand.Rand, mean float64) float64 {
	return math.Max(0, math.Round(mean+r.NormFloat64()*math.Sqrt(mean)))
}

func errorRate(r *rand.Rand, times []time.Time, ratio float64) v1alpha1.MetricStatus {
	asked := analysis.DefaultComparison()
	asked.Phi = 1
	m := v1alpha1.MetricStatus{Name: "errors", Kind: "Compare", FailsAt: number(-math.Log(asked.Alpha)), PassesAt: number(-math.Log(asked.AlphaPass))}
	judge, series := analysis.NewCompare(asked), newTable()
	for _, at := range times {
		i := analysis.Interval{Start: at.Add(-every), End: at, Weight: 50_000}
		i.Canary = analysis.Counts{Exposures: about(r, 150), Events: about(r, 1.5*ratio)}
		i.Stable = analysis.Counts{Exposures: about(r, 2850), Events: about(r, 28.5)}
		judge.Add(i)
		f := judge.Finding()
		record(&m, f, at)
		series.row(at.Sub(began).Seconds(), f.Ratio, f.Low, f.High, f.Worse, f.Safe,
			i.Canary.Events/i.Canary.Exposures, i.Stable.Events/i.Stable.Exposures, i.Canary.Exposures, i.Stable.Exposures)
	}
	m.Series = series.String()
	return m
}

func latency(r *rand.Rand, times []time.Time) v1alpha1.MetricStatus {
	edges := []float64{.05, .1, .25, .5, 1}
	histogram := func(count float64) sequential.Histogram {
		h := sequential.Histogram{Edges: edges, Count: count}
		for _, share := range []float64{.3, .62, .9, .989, .9999} {
			h.Below = append(h.Below, math.Round(count*share))
		}
		return h
	}
	asked := analysis.DefaultLatency()
	asked.Phi = 1
	m := v1alpha1.MetricStatus{Name: "latency", Kind: "Latency", FailsAt: number(-math.Log(asked.Alpha)), PassesAt: number(-math.Log(asked.AlphaPass))}
	judge, series := analysis.NewLatency(asked, histogram(100000)), newTable()
	for _, at := range times {
		canary, stable := about(r, 150), about(r, 2850)
		judge.Add(analysis.LatencyInterval{Start: at.Add(-every), End: at, Weight: 50_000, Canary: histogram(canary), Stable: histogram(stable)})
		f := judge.Finding()
		record(&m, f, at)
		series.row(at.Sub(began).Seconds(), f.Ratio, f.Low, f.High, f.Worse, f.Safe,
			.45+.06*r.NormFloat64(), .46+.015*r.NormFloat64(), canary, stable)
	}
	m.Series, m.Edge = series.String(), number(judge.Edge())
	return m
}

func split(r *rand.Rand, times []time.Time) v1alpha1.MetricStatus {
	asked := analysis.DefaultSplit()
	m := v1alpha1.MetricStatus{Name: "split", Kind: "Split", FailsAt: number(-math.Log(asked.Alpha))}
	judge, series := analysis.NewSplit(asked), newTable()
	for _, at := range times {
		canary, stable := about(r, 150), about(r, 2850)
		judge.Add(analysis.Interval{
			Start: at.Add(-every), End: at, Weight: 50_000,
			Canary: analysis.Counts{Exposures: canary}, Stable: analysis.Counts{Exposures: stable},
		})
		f := judge.Finding()
		record(&m, f, at)
		share, worse := f.Ratio, f.Worse
		if f.Used == 0 {
			share, worse = math.NaN(), math.NaN()
		}
		series.row(at.Sub(began).Seconds(), share, math.NaN(), math.NaN(), worse, math.NaN(), canary/(canary+stable), .05, canary, stable)
	}
	m.Low, m.High, m.Safe, m.Series = "", "", "", series.String()
	return m
}

func queue(r *rand.Rand, times []time.Time) v1alpha1.MetricStatus {
	m := v1alpha1.MetricStatus{Name: "queue/length", Kind: "Threshold", DryRun: true}
	judge := analysis.NewThreshold(analysis.Limits{Interval: time.Minute, Count: 10, ConsecutiveFailures: 3})
	series := newTable()
	unknown := math.NaN()
	for i, at := range times {
		if i%4 != 0 {
			continue
		}
		value, outcome := 40+5*r.NormFloat64(), analysis.OutcomeSuccess
		if value > 50 {
			outcome = analysis.OutcomeFailure
		}
		judge.Add(analysis.Measurement{At: at, Outcome: outcome, Text: number(value)})
		record(&m, judge.Finding(), at)
		series.row(at.Sub(began).Seconds(), unknown, unknown, unknown, unknown, unknown, value, unknown, unknown, unknown)
	}
	m.Ratio, m.Low, m.High, m.Worse, m.Safe, m.Noise, m.Series = "", "", "", "", "", "", series.String()
	return m
}
