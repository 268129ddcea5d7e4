package suite_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// lane is a header that the gateway gives to what the canary gets.
var lane = &v1alpha1.HeaderModifier{Set: []v1alpha1.Header{{Name: "X-Lane", Value: "next"}}}

// TestHeadersOfTheCanary: a canary that refuses requests without a header gets all of its own with it, those of a match and
// those of a weight, and stable's are as they were.
func TestHeadersOfTheCanary(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{
		extra: []load.Target{{Name: "header", Headers: map[string]string{"X-Canary": "yes"}}},
		steps: []v1alpha1.Step{
			{Name: "insiders", Replicas: ptr.To(intstr.FromInt32(1)), Match: insiders, RequestHeaders: lane, Hold: approval()},
			{Name: "half", Weight: ptr.To(intstr.FromInt32(50)), Match: insiders, RequestHeaders: lane, Hold: approval()},
		},
	})
	const demanding = "--require-header=X-Lane=next"
	s.ship("v2", demanding)
	s.awaitRequests(s.awaitStep(1, "insiders").StartedAt.Time, 1000)
	s.approve(1, "insiders")
	step := s.awaitStep(1, "half")
	s.awaitRequests(step.StartedAt.Time, 1000)
	s.abort()
	release := s.awaitOutcome(1, v1alpha1.OutcomeAborted)
	records := s.requireNoneFailed()
	sent := during(s.stepNamed(release, "insiders"), records)
	s.requireShare("insiders, those with the header", sent.Of("header"), "v2", 1, 50)
	s.requireShare("insiders, gateway", sent.Of("gateway"), "v2", 0, 100)
	s.requireShare("half, those with the header", during(s.stepNamed(release, "half"), records).Of("header"), "v2", 1, 50)
	s.requireShare("half, gateway, fresh", during(s.stepNamed(release, "half"), records).Of("gateway-fresh"), "v2", 0.5, 50)
	s.requireLikeTwin(true, holdsV2(demanding))
}

// users each keep their cookies, and send two requests a second.
func users(count int) []load.Target {
	var out []load.Target
	for i := range count {
		out = append(out, load.Target{Name: fmt.Sprintf("user-%d", i), Rate: 2, KeepCookies: true})
	}
	return out
}

// TestStickiness: who got the canary stays there until all do. Users come over with each request, so that the share of those
// who send many grows beyond a step's weight.
func TestStickiness(t *testing.T) {
	t.Parallel()
	const count = 30
	s := begin(t, setting{
		gateway: 40, extra: users(count),
		policy: func(r *v1alpha1.Rollout) {
			r.Spec.Strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane"}
		},
		steps: []v1alpha1.Step{world.Weighted("twentieth", 5, approval()), world.Weighted("half", 50, approval())},
	})
	s.ship("v2")
	for _, step := range []string{"twentieth", "half"} {
		s.awaitRequests(s.awaitStep(1, step).StartedAt.Time, 1000)
		s.approve(1, step)
	}
	release := s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	records := s.requireNoneFailed()
	first, last := s.stepNamed(release, "twentieth"), s.stepNamed(release, "half")
	s.requireKept("twentieth", count, records.Between(first.StartedAt.Time, first.EndedAt.Time))
	s.requireKept("both steps", count, records.Between(first.StartedAt.Time, last.EndedAt.Time))
	s.requireShare("twentieth, those who keep no cookies", during(first, records).Of("gateway-fresh"), "v2", 0.05, 100)
	s.requireLikeTwin(false, ships("v2"))
}

// requireKept requires that no user who got the canary got stable later, and prints how many had the canary at the beginning
// and at the end.
func (s *scenario) requireKept(what string, count int, records load.Records) {
	s.t.Helper()
	first, last := 0, 0
	for i := range count {
		sent := records.Of(fmt.Sprintf("user-%d", i))
		require.NotEmpty(s.t, sent, "user %d sent nothing in %s", i, what)
		slices.SortFunc(sent, func(a, b load.Record) int { return a.Sent().Compare(b.Sent()) })
		if sent[0].Version == "v2" {
			first++
		}
		if sent[len(sent)-1].Version == "v2" {
			last++
		}
		since := time.Time{} // a request that was sent before an answer came cannot have had its cookie
		for _, record := range sent {
			if !since.IsZero() && record.Sent().After(since) {
				require.Equal(s.t, "v2", record.Version, "%s: user %d had an answer of v2 at %s, and then another", what, i, since)
			}
			if since.IsZero() && record.Version == "v2" {
				since = record.Scheduled.Add(record.Latency)
			}
		}
	}
	s.logf("%-40s %d of %d users had the canary with their first request, %d with their last", what, first, count, last)
	require.GreaterOrEqual(s.t, last, first)
}
