package suite_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// enough is how many requests a step's share is told from at least.
const enough = 4000

// insiders are the requests that a step with a match sends to the canary.
var insiders = matching("insider")

// matching are those with a header, or with this cookie.
func matching(cookie string) []v1alpha1.Match {
	return []v1alpha1.Match{
		{Headers: []v1alpha1.ValueMatch{{Name: "x-canary", Exact: ptr.To("yes")}}},
		{Cookies: []v1alpha1.ValueMatch{{Name: "group", Exact: &cookie}}},
	}
}

// approval holds a step until somebody approves it.
func approval() *v1alpha1.Hold { return &v1alpha1.Hold{Approval: ptr.To("Required")} }

func TestPromoteBySteps(t *testing.T) {
	t.Parallel()
	one := intstr.FromInt32(1)
	s := begin(t, setting{
		gateway: 80,
		extra: []load.Target{
			{Name: "header", Headers: map[string]string{"X-Canary": "yes"}},
			{Name: "cookie", Cookies: map[string]string{"group": "insider"}},
			{Name: "other-header", Headers: map[string]string{"X-Canary": "no"}},
		},
		steps: []v1alpha1.Step{
			{Name: "insiders", Replicas: &one, Match: insiders, Hold: approval()},
			world.Weighted("ten", 10, approval()),
			{Name: "quarter", Weight: ptr.To(intstr.FromInt32(25)), Match: insiders, Hold: approval()},
			world.Weighted("half", 50, approval()),
			world.Weighted("all", 100, approval()),
		},
	})
	s.ship("v2")
	names := []string{"insiders", "ten", "quarter", "half", "all"}
	release, records := s.promoted(names...)
	s.requireSharesOf(release, records)
	s.requireLikeTwin(false, ships("v2"))
}

// promoted approves each step once it has had enough requests, and requires that all were taken and no request failed.
func (s *scenario) promoted(names ...string) (*v1alpha1.Release, load.Records) {
	s.t.Helper()
	return s.promotedOnceTold(gatewayOnly, names...)
}

// promotedOnceTold does so by the requests that tell the share.
func (s *scenario) promotedOnceTold(telling func(load.Records) load.Records, names ...string) (*v1alpha1.Release, load.Records) {
	s.t.Helper()
	for _, name := range names {
		s.awaitEnough(name, telling)
		s.approve(1, name)
	}
	release := s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	s.requireSteps(release, names...)
	return release, s.requireNoneFailed()
}

// awaitEnough waits until a step of the first Release has had enough of the requests that tell its share.
func (s *scenario) awaitEnough(name string, telling func(load.Records) load.Records) {
	s.t.Helper()
	step := s.awaitStep(1, name)
	s.eventually(aWhile, "requests in step "+name, func() (string, bool) {
		ended := telling(s.records().Between(step.StartedAt.Time, step.StartedAt.Add(aWhile)))
		return fmt.Sprintf("%d requests", len(ended)), len(ended) >= enough+enough/20
	})
}

// requireSharesOf requires of each step that each kind of request went where it belongs.
func (s *scenario) requireSharesOf(release *v1alpha1.Release, records load.Records) {
	s.t.Helper()
	for name, want := range map[string]float64{"insiders": 0, "ten": 0.10, "quarter": 0.25, "half": 0.50, "all": 1} {
		s.requireSharesIn(name, want, name == "insiders" || name == "quarter", release, records)
	}
	before := records.Between(records[0].Scheduled, s.stepNamed(release, "insiders").EnteredAt.Time)
	s.requireShare("before", before, "v2", 0, 100)
	after := records.Between(release.Status.EndedAt.Add(1e9), records[len(records)-1].Sent())
	s.requireShare("after", after, "v2", 1, 100)
}

// requireSharesIn requires of a step that the canary had this part of the requests, and all insiders' if matched.
func (s *scenario) requireSharesIn(name string, want float64, matched bool, release *v1alpha1.Release, records load.Records) {
	s.t.Helper()
	sent := during(s.stepNamed(release, name), records)
	s.requireShare(name+", ClusterIP", serviceOnly(sent), "v2", 0, 100)
	// Requests that are shared alike are counted together: a gateway that deals them out in turn gives each second one to the
	// canary, which of two streams in step may be those of one.
	alike := append(gatewayOnly(sent), sent.Of("other-header")...)
	if matched {
		s.requireShare(name+", header", sent.Of("header"), "v2", 1, 100)
		s.requireShare(name+", cookie", sent.Of("cookie"), "v2", 1, 100)
	} else {
		alike = append(append(alike, sent.Of("header")...), sent.Of("cookie")...)
	}
	s.requireShare(name+", gateway", alike, "v2", want, enough)
}
