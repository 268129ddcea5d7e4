package suite_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// TestGateAndGuardsRemovedOnceATemplateIsHeld takes policies and webhook away as soon as the gate has done its work:
// a Release in flight needs neither.
func TestGateAndGuardsRemovedOnceATemplateIsHeld(t *testing.T) {
	t.Parallel()
	s := begin(t, setting{steps: []v1alpha1.Step{world.Weighted("ten", 10, nil), world.Weighted("half", 50, nil)}})
	s.ship("v2")
	s.unguard()
	release := s.awaitOutcome(1, v1alpha1.OutcomePromoted)
	s.requireSteps(release, "ten", "half")
	s.eventually(soon, "a Rollout that finds no gate", func() (string, bool) {
		conditions := s.rollout().Status.Conditions
		stalled := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled)
		return describe(conditions), stalled != nil && stalled.Reason == v1alpha1.ReasonGateMissing
	})
	s.requireNoneFailed()
	s.requireLikeTwin(false, ships("v2"))
}

// unguard has no policy and no webhook apply in the scenario's namespace, until the test ends. In others they do:
// there are scenarios beside this one.
func (s *scenario) unguard() {
	s.t.Helper()
	elsewhere := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: []string{s.app.Namespace}},
	}}
	s.confine(s.ctx, elsewhere)
	ctx := context.WithoutCancel(s.ctx)
	s.t.Cleanup(func() { s.confine(ctx, nil) })
}

// confine limits policies and webhook to some namespaces; nil means all.
func (s *scenario) confine(ctx context.Context, namespaces *metav1.LabelSelector) {
	s.t.Helper()
	registration := shared.Kube.AdmissionregistrationV1()
	for _, name := range []string{"crossfade-workloads", "crossfade-services"} {
		require.NoError(s.t, retry.RetryOnConflict(untilWon, func() error {
			binding, err := registration.MutatingAdmissionPolicyBindings().Get(ctx, name, metav1.GetOptions{})
			require.NoError(s.t, err)
			binding.Spec.MatchResources = nil
			if namespaces != nil {
				binding.Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: namespaces}
			}
			_, err = registration.MutatingAdmissionPolicyBindings().Update(ctx, binding, metav1.UpdateOptions{})
			return err
		}))
	}
	require.NoError(s.t, retry.RetryOnConflict(untilWon, func() error {
		webhook, err := registration.MutatingWebhookConfigurations().Get(ctx, "crossfade-routes", metav1.GetOptions{})
		require.NoError(s.t, err)
		for i := range webhook.Webhooks {
			webhook.Webhooks[i].NamespaceSelector = namespaces
		}
		_, err = registration.MutatingWebhookConfigurations().Update(ctx, webhook, metav1.UpdateOptions{})
		return err
	}))
}
