package suite_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// withPassword adds the password of a guarded app.
func withPassword(headers map[string]string) map[string]string {
	out := map[string]string{"Authorization": world.Password}
	maps.Copy(out, headers)
	return out
}

// telling is how a kind of route tells requests.
type telling struct {
	// cookie is the value of one.
	cookie string
	// query: by a query parameter too; keeps: users are kept by a cookie.
	query, keeps bool
}

// requests are those to one rule by all that the kind can tell, and by nothing.
func (k telling) requests(rule, url string) []load.Target {
	return []load.Target{
		{Name: rule, URL: url},
		{Name: rule + " header", URL: url, Headers: map[string]string{"x-canary": "yes"}},
		{Name: rule + " cookie", URL: url, Cookies: map[string]string{"group": k.cookie}},
		{Name: rule + " query", URL: url + "?lane=next"},
		{Name: rule + " kept", URL: url, Cookies: map[string]string{"lane": "app-1.canary"}},
	}
}

// match sends those with the header, the cookie or the query to the canary.
func (k telling) match() []v1alpha1.Match {
	out := matching(k.cookie)
	if k.query {
		out = append(out, v1alpha1.Match{QueryParams: []v1alpha1.ValueMatch{{Name: "lane", Exact: ptr.To("next")}}})
	}
	return out
}

// TestAuthenticationHolds: a route whose rules ask for a password asks for it at every moment of a release, whatever copies
// of its rules there are, and who knows it is always let in.
func TestAuthenticationHolds(t *testing.T) {
	t.Parallel()
	for kind, tells := range map[string]telling{
		"HTTPRoute": {"insider", true, true}, "IngressRoute": {"insider", true, false}, "Ingress": {"always", false, false},
	} {
		for way, ends := range map[string]func(*scenario){
			"Promoted": func(s *scenario) {
				s.t.Helper()
				s.approve(1, "insiders")
				s.awaitStep(1, "all")
				s.approve(1, "all")
				s.awaitOutcome(1, v1alpha1.OutcomePromoted)
				s.requireNoneFailed()
				s.requireLikeTwin(false, ships("v2"))
			},
			"Aborted": waysBack["Aborted"],
		} {
			if kind == "IngressRoute" && way == "Promoted" || kind == "Ingress" && way == "Aborted" {
				continue // a rule's copies are the same whichever way they go: both are seen of one kind
			}
			t.Run(kind+way, func(t *testing.T) {
				t.Parallel()
				gateway := world.App{Kind: kind}.URL(world.GatewayAddress)
				targets := append(tells.requests("whole", gateway+"/"), tells.requests("more", gateway+"/more")...)
				s := begin(t, setting{
					kind: kind, guarded: true, extra: targets,
					policy: func(r *v1alpha1.Rollout) {
						if tells.keeps {
							r.Spec.Strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane"}
						}
					},
					steps: []v1alpha1.Step{
						{Name: "insiders", Weight: ptr.To(intstr.FromInt32(25)), Match: tells.match(), Hold: approval()},
						world.Weighted("all", 100, approval()),
					},
				})
				strangers := s.knock(targets)
				s.ship("v2")
				step := s.awaitStep(1, "insiders")
				s.awaitRequests(step.StartedAt.Time, 2500)
				sent := s.records().Between(step.StartedAt.Time, time.Now())
				for _, rule := range []string{"whole", "more"} {
					s.requireShare("insiders, "+rule, sent.Of(rule), "v2", 0.25, 90)
					s.requireShare("insiders, "+rule+", header", sent.Of(rule+" header"), "v2", 1, 90)
					s.requireShare("insiders, "+rule+", cookie", sent.Of(rule+" cookie"), "v2", 1, 90)
					told := map[bool]float64{true: 1, false: 0.25}
					s.requireShare("insiders, "+rule+", query", sent.Of(rule+" query"), "v2", told[tells.query], 90)
					s.requireShare("insiders, "+rule+", kept", sent.Of(rule+" kept"), "v2", told[tells.keeps], 90)
				}
				ends(s)
				s.requireTurnedAway(strangers, targets)
			})
		}
	}
}

// knock has the targets asked without password until the load is stopped.
func (s *scenario) knock(targets []load.Target) *world.Load {
	s.t.Helper()
	var without []load.Target
	for _, target := range targets {
		target.Host, target.Rate = s.app.Host, 5
		without = append(without, target)
	}
	strangers, err := shared.StartLoad(s.node, s.t.TempDir(), without...)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _, _ = strangers.Stop() })
	return strangers
}

// requireTurnedAway requires that all who had no password were told so.
func (s *scenario) requireTurnedAway(strangers *world.Load, targets []load.Target) {
	s.t.Helper()
	_, _ = strangers.Stop() // it calls each answer a failure
	records, err := strangers.Records()
	require.NoError(s.t, err)
	for _, target := range targets {
		statuses := records.Of(target.Name).Statuses()
		s.logf("%-40s %v", target.Name+", without password", statuses)
		require.Greater(s.t, statuses[http.StatusUnauthorized], 100, target.Name)
		require.Len(s.t, statuses, 1, "%s: other answers than 401: %v", target.Name, statuses)
	}
	require.Empty(s.t, records.Versions(), "the app was reached")
}
