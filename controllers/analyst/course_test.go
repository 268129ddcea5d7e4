package analyst

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release"
)

var _ release.Analyst = (*Analyst)(nil)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func at(minutes float64) *metav1.MicroTime {
	t := metav1.NewMicroTime(noon.Add(time.Duration(minutes * float64(time.Minute))))
	return &t
}

// climbed has been at a tenth from 0 to 10 min, and is at a half from 12 min on.
func climbed() *v1alpha1.Release {
	r := released()
	r.Status.Steps = []v1alpha1.StepStatus{
		{Name: "tenth", StartedAt: at(0), EndedAt: at(10)},
		{Name: "half", StartedAt: at(12)},
	}
	return r
}

func TestWeight(t *testing.T) {
	matched := func(r *v1alpha1.Release) { r.Spec.Policy.Strategy.Steps[0].Match = []v1alpha1.Match{{}} }
	tests := map[string]struct {
		from, to float64
		change   func(*v1alpha1.Release)
		want     int32
		why      string
	}{
		"in a step":              {1, 2, nil, 100_000, ""},
		"in the present one":     {20, 21, nil, 500_000, ""},
		"as it ends":             {9.9, 10.1, nil, 0, "the split was changed meanwhile"},
		"between two":            {10.5, 11, nil, 0, ""},
		"as it begins":           {11.9, 12.1, nil, 0, ""},
		"by a match too":         {1, 2, matched, 0, "callers that match are of no declared share"},
		"the step after a match": {20, 21, matched, 500_000, ""},
		"users who are kept":     {1, 2, func(r *v1alpha1.Release) { r.Spec.Policy.Strategy.Stickiness = &v1alpha1.Stickiness{} }, 0, "the canary's share grows over the weight"},
		"some rules alone":       {1, 2, func(r *v1alpha1.Release) { r.Spec.Policy.RouteRefs = []v1alpha1.RouteRef{{Rules: []string{"a"}}} }, 0, "others send to stable alone"},
		"steps that were taken anew": {1, 2, func(r *v1alpha1.Release) {
			steps := r.DeepCopy().Spec.Policy.Strategy.Steps
			steps[0].Weight = steps[1].Weight
			r.Status.Progress.Steps = steps
		}, 500_000, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := climbed()
			if test.change != nil {
				test.change(r)
			}
			require.Equal(t, test.want, courseOf(r).weight(at(test.from).Time, at(test.to).Time), test.why)
		})
	}
}

func TestWindows(t *testing.T) {
	over := climbed()
	over.Status.Steps[1].EndedAt = at(20)
	over.Status.Progress = v1alpha1.Progress{Stage: v1alpha1.StageKeeping, StageSince: at(25)}
	for name, test := range map[string]struct {
		of   *v1alpha1.Release
		ref  *v1alpha1.AnalysisTemplateRef
		want []window
	}{
		"all of it":             {climbed(), nil, []window{{start: at(0).Time}}},
		"all, once it is over":  {over, nil, []window{{at(0).Time, at(20).Time}}},
		"one step":              {climbed(), &v1alpha1.AnalysisTemplateRef{Steps: []string{"tenth"}}, []window{{at(0).Time, at(10).Time}}},
		"from a step on":        {climbed(), &v1alpha1.AnalysisTemplateRef{From: "half"}, []window{{start: at(12).Time}}},
		"from the first on":     {climbed(), &v1alpha1.AnalysisTemplateRef{From: "tenth"}, []window{{at(0).Time, at(10).Time}, {start: at(12).Time}}},
		"from one that is gone": {climbed(), &v1alpha1.AnalysisTemplateRef{From: "third"}, nil},
		"afterwards":            {over, &v1alpha1.AnalysisTemplateRef{Promoted: true}, []window{{start: at(25).Time}}},
		"afterwards, too early": {climbed(), &v1alpha1.AnalysisTemplateRef{Promoted: true}, nil},
		"before the first":      {released(), nil, nil},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, courseOf(test.of).windows(test.ref)) })
	}
}

// TestFactsOfItsTime: a fact of a step is of the one that the Release was at then.
func TestFactsOfItsTime(t *testing.T) {
	going, over := climbed(), climbed()
	for _, r := range []*v1alpha1.Release{going, over} {
		r.Status.Steps[0].EnteredAt, r.Status.Steps[1].EnteredAt = *at(-1), *at(10)
	}
	over.Status.Steps[1].EndedAt = at(20)
	over.Status.Progress = v1alpha1.Progress{Stage: v1alpha1.StageKeeping, StageSince: at(25)}
	for name, test := range map[string]struct {
		of           *v1alpha1.Release
		minutes      float64
		step, weight string
	}{
		"before the first step": {going, -5, "tenth", "10"},
		"in it":                 {going, 9, "tenth", "10"},
		"as the second begins":  {going, 10, "half", "50"},
		"in the second":         {going, 90, "half", "50"},
		"in the past":           {over, 5, "tenth", "10"},
		"after the promotion":   {over, 26, "", "100"},
	} {
		t.Run(name, func(t *testing.T) {
			facts := factsOf(test.of, courseOf(test.of).stepAt(at(test.minutes).Time))
			require.Equal(t, []string{test.step, test.weight}, []string{facts["step"], facts["weight"]})
		})
	}
}

// TestTrack: a course is never longer than asked for, keeps all requests, and has means by them.
func TestTrack(t *testing.T) {
	track := newTrack(1, ofArms)
	const all = 1000
	for i := range all {
		p := point{at: noon.Add(time.Duration(i) * time.Minute), ratio: 1, low: math.NaN(), canary: 0.01, stable: math.NaN(), canaryRequests: 10, stableRequests: 90}
		if i%2 == 0 {
			p.canary, p.canaryRequests = 0.04, 20
		}
		track.add(p)
		require.LessOrEqual(t, strings.Count(track.table(noon), "\n")-1, mostPoints)
	}
	lines := strings.Split(strings.TrimSpace(track.table(noon)), "\n")
	require.Equal(t, "seconds,ratio,low,high,worse,safe,canary,stable,canaryRequests,stableRequests", lines[0])
	require.Contains(t, lines[1], ",1,,0,0,0,0.03,,")
	requests := 0.0
	for _, p := range append(track.points, track.open.kept()) {
		requests += p.point().canaryRequests
	}
	require.InDelta(t, all*15, requests, 0)
	require.True(t, strings.HasPrefix(lines[len(lines)-1], "59940,"), "the last one is there")

	for i := range 100 {
		verdict := pass
		if i%2 == 0 {
			verdict = open
		}
		track.judged(noon.Add(time.Duration(i)*time.Minute), analysis.Finding{Verdict: verdict, Reason: strings.Repeat("ü", 200)})
	}
	require.Len(t, track.verdicts, mostVerdicts)
	require.Less(t, len(track.verdicts[0].Reason), 2*briefReason)
}

func TestShortly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		3 * time.Second: "10s", 44 * time.Second: "40s", 121 * time.Second: "2m", 149 * time.Second: "2m30s", 6*time.Minute + 12*time.Second: "6m",
		61 * time.Minute: "1h", 95 * time.Minute: "1h40m", 20 * time.Hour: "20h",
	} {
		require.Equal(t, want, shortly(d))
	}
}
