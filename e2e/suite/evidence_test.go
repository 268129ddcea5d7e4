package suite_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// confidentWithin is for how long steps wait for evidence at most, and judging is how long tests wait for what follows.
const (
	confidentWithin = 30 * time.Minute
	judging         = confidentWithin + 5*time.Minute
)

// usual are the flags of a version that is as good as others: it fails and takes its time as apps do, some of it more than 25 ms,
// which is an edge of the gateway's histograms.
var usual = []string{"--error-ratio=0.01", "--latency=5ms", "--jitter=20ms"}

// worse is a version with five times the errors.
const worse = "--error-ratio=0.05"

// confident holds a step until the canary was shown to be as good as it must be.
func confident(atMost time.Duration) *v1alpha1.Hold {
	return &v1alpha1.Hold{Until: ptr.To("Confident"), AtMost: &v1alpha1.Duration{Duration: metav1.Duration{Duration: atMost}}}
}

// beginJudged sets a scenario up whose canary is judged by what Traefik counts of so many requests a second. These fail one by
// one, which a service so young has no history to show.
func beginJudged(t *testing.T, rate float64, with setting) *scenario {
	t.Helper()
	monitored(t)
	with.flags, with.patience, with.gateway = usual, judging, rate/1.5 // there are half as many on fresh connections
	policy := with.policy
	with.policy = func(r *v1alpha1.Rollout) {
		r.Spec.Analysis = &v1alpha1.AnalysisSpec{GoldenSignals: &v1alpha1.GoldenSignals{Source: "Traefik", Noise: ptr.To(v1alpha1.Decimal("1"))}}
		if policy != nil {
			policy(r)
		}
	}
	return begin(t, with)
}

// awaitEnd waits until a Release has ended, however, and prints how long the step took and what was known of the canary.
func (s *scenario) awaitEnd(number int64, name string) *v1alpha1.Release {
	s.t.Helper()
	release := s.awaitRelease(number, "an outcome, and no finalizer", func(release *v1alpha1.Release) bool {
		return release.Status.Outcome != "" && len(release.Finalizers) == 0
	})
	step := s.stepNamed(release, name)
	require.NotNil(s.t, step.EndedAt, "step %s has no end", name)
	s.logf("Release %d: %s, step %s took %s: %s", number, release.Status.Outcome, name, step.EndedAt.Sub(step.StartedAt.Time).Round(time.Second), known(release))
	return release
}

// known is the evidence of a Release in one line.
func known(release *v1alpha1.Release) string {
	analysis := release.Status.Analysis
	if analysis == nil {
		return "nothing is known"
	}
	text := fmt.Sprintf("%s, %s", analysis.Verdict, analysis.Message)
	for _, metric := range analysis.Metrics {
		text += fmt.Sprintf("; %s: %s, %s", metric.Name, metric.Verdict, metric.Reason)
	}
	return text
}

// awaitNoWeight waits until the route gives the canary nothing.
func (s *scenario) awaitNoWeight() {
	s.t.Helper()
	s.eventually(s.patience, "weight 0", func() (string, bool) {
		route := &gatewayv1.HTTPRoute{}
		require.NoError(s.t, shared.Client.Get(s.ctx, s.key(), route))
		for _, rule := range route.Spec.Rules {
			for _, ref := range rule.BackendRefs {
				if strings.HasSuffix(string(ref.Name), "-canary") && ptr.Deref(ref.Weight, 1) > 0 {
					return s.story.last(1).Status.Message, false
				}
			}
		}
		return "none", true
	})
}

// requireJudgedBad requires that a Release went back because of the evidence.
func (s *scenario) requireJudgedBad(release *v1alpha1.Release) {
	s.t.Helper()
	require.Equal(s.t, v1alpha1.OutcomeFailed, release.Status.Outcome, release.Status.Message)
	require.Equal(s.t, v1alpha1.CauseAnalysisFailed, release.Status.Progress.Cause, release.Status.Progress.CauseMessage)
}

// TestBadCanary: a canary with 5 % errors beside 1 % goes back by itself, and no request fails but by these errors.
func TestBadCanary(t *testing.T) {
	t.Parallel()
	s := beginJudged(t, 100, setting{steps: []v1alpha1.Step{world.Weighted("quarter", 25, confident(confidentWithin))}})
	s.ship("v2", worse)
	step := s.awaitStep(1, "quarter")
	s.awaitNoWeight()
	s.logf("1 -> 5 %%: weight 0 %s after the step's start", time.Since(step.StartedAt.Time).Round(100*time.Millisecond))
	s.requireJudgedBad(s.awaitEnd(1, "quarter"))
	s.requireOnlyInjected()
}

// releasesEach is how many equal canaries are released at each rate, and equalWithin how long each waits for evidence at most.
const (
	releasesEach = 3
	equalWithin  = 6 * time.Minute
)

// TestEvidenceEqualCanaries: canaries as good as stable are promoted without a person, at whatever traffic.
func TestEvidenceEqualCanaries(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{1, 10, 100} {
		t.Run(fmt.Sprintf("%.0f", rate), func(t *testing.T) {
			t.Parallel()
			s := beginJudged(t, rate, setting{steps: []v1alpha1.Step{world.Weighted("half", 50, confident(equalWithin))}})
			promoted, shown := 0, 0
			for number := int64(1); number <= releasesEach; number++ {
				// The answers name a few versions; what tells one from another here is a limit that nobody meets.
				s.ship(fmt.Sprintf("v%d", 2+number%2), fmt.Sprintf("--shutdown-limit=%ds", 10+number))
				release := s.awaitEnd(number, "half")
				if release.Status.Outcome == v1alpha1.OutcomePromoted {
					promoted++
				}
				if step := s.stepNamed(release, "half"); step.EndedAt.Sub(step.StartedAt.Time) < equalWithin {
					shown++
				}
			}
			s.logf("%.0f requests/s: %d of %d equal canaries were promoted without a person, %d before %s were over", rate, promoted, releasesEach, shown, equalWithin)
			require.Equal(t, releasesEach, promoted)
			s.requireOnlyInjected()
		})
	}
}

// TestEvidenceGoodCanary: what is shown to be as good as it must be goes on at once.
func TestEvidenceGoodCanary(t *testing.T) {
	t.Parallel()
	s := beginJudged(t, 100, setting{steps: []v1alpha1.Step{world.Weighted("quarter", 25, confident(confidentWithin))}})
	s.ship("v2")
	release := s.awaitEnd(1, "quarter")
	require.Equal(t, v1alpha1.OutcomePromoted, release.Status.Outcome, release.Status.Message)
	step := s.stepNamed(release, "quarter")
	require.Less(t, step.EndedAt.Sub(step.StartedAt.Time), confidentWithin, "nothing was shown")
	s.requireOnlyInjected()
}

// TestEvidenceIncident: an incident that hits both versions is no reason to go back.
func TestEvidenceIncident(t *testing.T) {
	t.Parallel()
	const rate = 100
	s := beginJudged(t, rate, setting{steps: []v1alpha1.Step{world.Weighted("quarter", 25, approval()), world.Weighted("half", 50, confident(equalWithin))}})
	s.ship("v2")
	s.awaitRequests(s.awaitStep(1, "quarter").StartedAt.Time, 2000)
	everybody := slices.Concat(s.podsOf("v1"), s.podsOf("v2"))
	begun := time.Now()
	for _, pod := range everybody {
		s.set(pod, `{"errorRatio": 0.2}`)
	}
	s.awaitRequests(begun, 60*(rate+serviceRate*3/2))
	for _, pod := range everybody {
		s.set(pod, `{"errorRatio": 0.01}`)
	}
	ended := time.Now()
	s.awaitRequests(ended, 120*(rate+serviceRate*3/2))
	during := gatewayOnly(s.records().Between(begun, ended))
	s.logf("incident of %s: %d of %d requests through the gateway failed; two minutes later: %s", ended.Sub(begun).Round(time.Second), len(during.Failed()), len(during), known(s.story.last(1)))
	require.Greater(t, len(during.Failed()), len(during)/8, "there was no incident")
	require.Empty(t, s.story.last(1).Status.Progress.Cause, s.story.last(1).Status.Progress.CauseMessage)
	s.approve(1, "quarter")
	require.Equal(t, v1alpha1.OutcomePromoted, s.awaitEnd(1, "half").Status.Outcome)
	s.requireOnlyInjected()
}
