package suite_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// smoke is a template that runs the app with a flag once, which fails unless it knows that.
func (s *scenario) smoke() {
	s.t.Helper()
	container := corev1.Container{
		Name: "smoke", Image: world.AppImage(), ImagePullPolicy: corev1.PullNever, Args: []string{"{{args.flag}}"},
		Env: []corev1.EnvVar{{Name: "SERVICE", Value: "{{release.canaryService}}"}},
	}
	spec, err := json.Marshal(map[string]any{"backoffLimit": 0, "template": map[string]any{"spec": map[string]any{"containers": []any{container}}}})
	require.NoError(s.t, err)
	s.create(&v1alpha1.AnalysisTemplate{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.app.Namespace, Name: "smoke"},
		Spec: v1alpha1.AnalysisTemplateSpec{
			Args:    []v1alpha1.ArgumentSpec{{Name: "flag"}},
			Source:  &v1alpha1.MetricSource{Job: &v1alpha1.JobSource{Spec: runtime.RawExtension{Raw: spec}}},
			Metrics: []v1alpha1.AnalysisMetric{{Name: "answers", Threshold: &v1alpha1.ThresholdMetric{}}},
		},
	})
}

// jobs are those of a Release.
func (s *scenario) jobs(release string) []batchv1.Job {
	s.t.Helper()
	var all batchv1.JobList
	require.NoError(s.t, shared.Client.List(s.ctx, &all, client.InNamespace(s.app.Namespace), client.MatchingLabels{v1alpha1.LabelRelease: release}))
	return all.Items
}

// TestEvidenceJob: a version whose smoke test fails goes back, and the failed Job stays for people to read its logs; one whose test
// succeeds goes on, and its Job is removed.
func TestEvidenceJob(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{patience: judging, steps: []v1alpha1.Step{world.Weighted("half", 50, approval())}})
	s.smoke()
	judgedBy := func(flag string) {
		changed, err := json.Marshal(map[string]any{
			"strategy": map[string]any{"steps": []v1alpha1.Step{world.Weighted("half", 50, confident(confidentWithin))}},
			"analysis": v1alpha1.AnalysisSpec{Templates: []v1alpha1.AnalysisTemplateRef{{
				Name: "smoke", Args: []v1alpha1.Argument{{Name: "flag", Value: v1alpha1.ArgumentValue(flag)}},
			}}},
		})
		require.NoError(t, err)
		s.patchSpec(s.rollout(), string(changed))
		s.awaitArmed()
	}
	judgedBy("--no-such-flag")
	s.ship("v2")
	s.awaitRelease(1, "word on what the operator must do", func(release *v1alpha1.Release) bool {
		return strings.Contains(known(release), "analysis.jobs")
	})
	s.permit("analysis.jobs")
	release := s.awaitEnd(1, "half")
	s.requireJudgedBad(release)
	failed := s.jobs(release.Name)
	require.Len(t, failed, 1)
	require.Equal(t, string(release.UID), string(failed[0].OwnerReferences[0].UID))
	require.Equal(t, "app-canary", failed[0].Spec.Template.Spec.Containers[0].Env[0].Value)

	judgedBy("--help")
	s.ship("v3")
	release = s.awaitEnd(2, "half")
	require.Equal(t, v1alpha1.OutcomePromoted, release.Status.Outcome, release.Status.Message)
	s.eventually(soon, "no Job of Release 2", func() (string, bool) {
		left := s.jobs(release.Name)
		return fmt.Sprintf("%d Jobs", len(left)), len(left) == 0
	})
	s.requireNoneFailed()
}
