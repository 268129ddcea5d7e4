package suite_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/load"
	"crossfade.io/crossfade/e2e/suite/world"
)

// served are the requests that the gateway sent to a Service, each of a user of its own, and the answers that were no errors.
func served(service string) v1alpha1.GoalCounters {
	counted := func(more string) []v1alpha1.Query {
		return []v1alpha1.Query{v1alpha1.Query(`traefik_service_requests_total{service="{{release.namespace}}-` + service + `-http-80@kubernetesgateway"` + more + `}`)}
	}
	return v1alpha1.GoalCounters{Users: counted(""), Events: counted(`,code="200"`)}
}

// TestEvidenceABTest: users choose their version by a header. A version whose users are served better than stable's wins and goes on by itself, and one whose are served
// worse goes back. The page of the results says so.
func TestEvidenceABTest(t *testing.T) {
	t.Parallel()
	monitored(t)
	s := begin(t, setting{
		flags: usual, patience: judging,
		extra: []load.Target{{Name: "header", Headers: map[string]string{"X-Canary": "yes"}, Rate: 50}},
		steps: []v1alpha1.Step{{Name: "test", Replicas: ptr.To(intstr.FromInt32(1)), Match: insiders}},
	})
	s.create(&v1alpha1.AnalysisTemplate{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.app.Namespace, Name: "shop"},
		Spec: v1alpha1.AnalysisTemplateSpec{Metrics: []v1alpha1.AnalysisMetric{{Name: "served", Goal: &v1alpha1.GoalMetric{
			Shared: true, Canary: served("{{release.canaryService}}"), Stable: served("{{release.service}}"),
		}}}},
	})
	tested, err := json.Marshal(map[string]any{
		"strategy": map[string]any{
			"abTest": v1alpha1.ABTest{
				Step: "test", Goal: "shop/served", For: *world.Seconds(30), AtMost: world.Seconds(20 * 60), Decision: v1alpha1.DecisionPromoteWinner,
			},
		},
		"analysis": v1alpha1.AnalysisSpec{Templates: []v1alpha1.AnalysisTemplateRef{{Name: "shop"}}},
	})
	require.NoError(t, err)
	s.patchSpec(s.rollout(), string(tested))
	s.awaitArmed()

	for _, pod := range s.podsOf("v1") {
		s.set(pod, `{"errorRatio": 0.1}`)
	}
	s.ship("v2")
	release := s.awaitEnd(1, "test")
	require.Equal(t, v1alpha1.OutcomePromoted, release.Status.Outcome, release.Status.Message)
	require.Contains(t, s.results(), "canary is better: served")

	s.ship("v3", "--error-ratio=0.1")
	release = s.awaitEnd(2, "test")
	require.Equal(t, v1alpha1.CauseNoWinner, release.Status.Progress.Cause, release.Status.Progress.CauseMessage)
	require.Contains(t, s.results(), "canary is worse: served")
	require.Greater(t, s.stepNamed(release, "test").EndedAt.Sub(s.stepNamed(release, "test").StartedAt.Time), 30*time.Second)
	s.requireOnlyInjected()
}

// results is the page of the latest Release's analysis, as kubectl crossfade makes it.
func (s *scenario) results() string {
	s.t.Helper()
	require.NoError(s.t, shared.Build(s.ctx, ".", "./cmd/kubectl-crossfade"))
	page := filepath.Join(s.t.TempDir(), "results.html")
	show := exec.CommandContext(s.ctx, shared.Program("kubectl-crossfade"), "analysis", world.AppName, "--namespace", s.app.Namespace, "--html", page)
	show.Env = append(os.Environ(), "KUBECONFIG="+shared.Cluster.Kubeconfig())
	said, err := show.CombinedOutput()
	require.NoError(s.t, err, "%s", said)
	text, err := os.ReadFile(page)
	require.NoError(s.t, err)
	return string(text)
}
