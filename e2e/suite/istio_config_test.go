package suite_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestIstioConfigures: what callers without a proxy do not do is configured for those who have one: mirrors, headers, and
// cookies that are set and matched.
func TestIstioConfigures(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{
		kind: "VirtualService",
		policy: func(r *v1alpha1.Rollout) {
			r.Spec.Strategy.Stickiness = &v1alpha1.Stickiness{Cookie: "lane", Stable: true}
		},
		steps: []v1alpha1.Step{
			{Name: "shadow", Replicas: ptr.To(intstr.FromInt32(1)), Mirror: &v1alpha1.Mirror{Percent: ptr.To(int32(20)), Requests: v1alpha1.MirrorAll}, Hold: approval()},
			{Name: "half", Weight: ptr.To(intstr.FromInt32(50)), RequestHeaders: lane, Hold: approval()},
		},
	})
	s.ship("v2")
	s.awaitStep(1, "shadow")
	canary := "||" + world.AppName + "-canary." + s.app.Namespace + ".svc.cluster.local"
	s.awaitConfig("a mirror", `"requestMirrorPolicies":[{"cluster":"outbound|`, canary+`","runtimeFraction":{"defaultValue":{"numerator":200000,"denominator":"MILLION"}}`)
	s.approve(1, "shadow")
	s.awaitStep(1, "half")
	s.awaitConfig("headers and cookies",
		`"requestHeadersToAdd":[{"header":{"key":"x-lane","value":"next"},"appendAction":"OVERWRITE_IF_EXISTS_OR_ADD"}]`,
		`{"key":"set-cookie","value":"lane=app-1.canary; Path=/`, `{"key":"set-cookie","value":"lane=app-1.stable.half; Path=/`,
		`{"safeRegex":{"regex":"^(.*;[ ]?)?lane=app-1\\.canary(;.*)?$"}}`, `{"safeRegex":{"regex":"^(.*;[ ]?)?lane=app-1\\.stable\\.half(;.*)?$"}}`)
	s.abort()
	s.awaitOutcome(1, v1alpha1.OutcomeAborted)
	config, err := s.load.MeshConfig()
	require.NoError(t, err)
	require.NotContains(t, config, "lane=app-1", "nothing is left of it")
	s.requireNoneFailed()
	s.requireLikeTwin(true, holdsV2())
}

// awaitConfig waits for istiod to have configured all of the texts.
func (s *scenario) awaitConfig(what string, texts ...string) {
	s.t.Helper()
	s.eventually(soon, what+" in istiod's configuration", func() (string, bool) {
		config, err := s.load.MeshConfig()
		if err != nil {
			return err.Error(), false
		}
		for _, text := range texts {
			if !strings.Contains(config, text) {
				return "it lacks " + text, false
			}
		}
		return "", true
	})
}
