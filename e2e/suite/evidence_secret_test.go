package suite_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// measuring is a template that asks an address with a token, and decides nothing.
func (s *scenario) measuring(name, address string) {
	s.t.Helper()
	s.create(&v1alpha1.AnalysisTemplate{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.app.Namespace, Name: name},
		Spec: v1alpha1.AnalysisTemplateSpec{
			Source: &v1alpha1.MetricSource{Prometheus: &v1alpha1.PrometheusSource{HTTPSource: v1alpha1.HTTPSource{Address: address, Bearer: &v1alpha1.SecretKey{Name: "token", Key: "token"}}}},
			Metrics: []v1alpha1.AnalysisMetric{{
				Name: "one", DryRun: true, NoData: "Ignore",
				Threshold: &v1alpha1.ThresholdMetric{Query: ptr.To(v1alpha1.Query("vector(1)")), Success: "result == 1.0", Interval: world.Seconds(5), ConsecutiveSuccesses: 2},
			}},
		},
	})
}

// permit gives the controller what the chart gives it in the namespaces of a list of its values.
func (s *scenario) permit(list string) {
	s.t.Helper()
	require.NoError(s.t, shared.Permit(s.ctx, list, s.app.Namespace))
}

// TestEvidenceSecret: what sources are asked with is told nowhere, whether they answer or not.
func TestEvidenceSecret(t *testing.T) {
	t.Parallel()
	monitored(t)
	secret := "canary-" + rand.Text()
	s := begin(t, setting{patience: judging, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())}})
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.app.Namespace, Name: "token"}, StringData: map[string]string{"token": secret}})
	s.permit("analysis.secrets")
	s.measuring("answered", world.PrometheusURL)
	s.measuring("refused", "http://"+world.GatewayAddress+":1")
	s.measuring("forbidden", "http://127.0.0.1:9090")
	s.patchSpec(s.rollout(), `{"analysis": {"templates": [{"name": "answered"}, {"name": "refused"}, {"name": "forbidden"}]}}`)
	s.ship("v2")
	s.awaitRelease(1, "word on all three", func(release *v1alpha1.Release) bool {
		if release.Status.Analysis == nil {
			return false
		}
		verdicts := map[string]v1alpha1.Verdict{}
		for _, metric := range release.Status.Analysis.Metrics {
			verdicts[metric.Name] = metric.Verdict
		}
		return verdicts["answered/one"] == v1alpha1.VerdictPass && verdicts["refused/one"] != "" && verdicts["forbidden/one"] != ""
	})
	s.logf("%s", known(s.story.last(1)))
	s.approve(1, "half")
	s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	s.requireNoneFailed()
	for what, text := range s.told() {
		require.NotEmpty(t, text, what)
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			require.NotContains(t, text, form, "%s tells the token", what)
		}
	}
}

// told is all that the controller said: its log, the Rollout and its Releases in each state, and events.
func (s *scenario) told() map[string]string {
	s.t.Helper()
	said := map[string]string{}
	var pods corev1.PodList
	require.NoError(s.t, shared.Client.List(s.ctx, &pods, client.InNamespace(world.SystemNamespace)))
	for _, pod := range pods.Items {
		stream, err := shared.Kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).Stream(s.ctx)
		require.NoError(s.t, err)
		text, err := io.ReadAll(stream)
		require.NoError(s.t, err)
		require.NoError(s.t, stream.Close())
		said["log of "+pod.Name] = string(text)
	}
	events, err := shared.Kube.EventsV1().Events(s.app.Namespace).List(s.ctx, metav1.ListOptions{})
	require.NoError(s.t, err)
	for what, value := range map[string]any{"events": events.Items, "the Rollout": s.rollout(), "Releases": s.story.of(1)} {
		text, err := json.Marshal(value)
		require.NoError(s.t, err)
		said[what] = string(text)
	}
	s.logf("looked for the token in %d texts, %d bytes of events", len(said), len(said["events"]))
	return said
}

// percent reads a share such as "12.3%"; zero if it is none.
func percent(share string) (value float64) {
	_, _ = fmt.Sscanf(share, "%f%%", &value)
	return value
}
