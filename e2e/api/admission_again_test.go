package api_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"crossfade.io/crossfade/controllers/admission"
)

// testAgain has another hand change the template after us, as webhooks do that put digests for tags,
// and the API server ask us again.
func testAgain(t *testing.T, w *world) {
	client, err := kubernetes.NewForConfig(config(t))
	require.NoError(t, err)
	policy := w.digests()
	ctx := context.WithoutCancel(t.Context())
	policies, bindings := client.AdmissionregistrationV1().MutatingAdmissionPolicies(), client.AdmissionregistrationV1().MutatingAdmissionPolicyBindings()
	t.Cleanup(func() { _ = policies.Delete(ctx, policy.Name, metav1.DeleteOptions{}) })
	t.Cleanup(func() { _ = bindings.Delete(ctx, policy.Name, metav1.DeleteOptions{}) })
	_, err = policies.Create(t.Context(), policy, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = bindings.Create(t.Context(), &admissionv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: policy.Name},
		Spec: admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: policy.Name, MatchResources: &admissionv1.MatchResources{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: w.namespace}},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	image := func(image string) string {
		return fmt.Sprintf(`{"spec":{"minReadySeconds":7,"template":{"spec":{"containers":[{"name":"app","image":%q}]}}}}`, image)
	}
	name := w.idle(t)
	require.Eventually(t, func() bool {
		answer, err := w.deployments(w.ours).Patch(t.Context(), name, types.StrategicMergePatchType, []byte(image("tag:stable")), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		require.NoError(t, err)
		return typed(t, answer).Spec.Template.Spec.Containers[0].Image == stable
	}, 20*time.Second, 100*time.Millisecond)

	t.Run("a tag that turns out to be the running version is not held", func(t *testing.T) {
		name := w.idle(t)
		requireRunning(t, typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, image("tag:stable"))), stable)
	})
	t.Run("a tag that turns out to be a new version is held", func(t *testing.T) {
		name := w.idle(t)
		requireHeld(t, typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, image("tag:newer"))), newer)
	})
	t.Run("what was wanted of the borrowed fields stays recorded", func(t *testing.T) {
		name := w.borrowed(t)
		d := typed(t, w.patch(t, w.user, name, types.StrategicMergePatchType, image("tag:newer")))
		requireHeld(t, d, newer)
		requireBorrowed(t, d)
		require.Equal(t, `{"minReadySeconds":7}`, d.Annotations["crossfade.io/wanted"])
	})
}

// digests is a policy that puts versions for tags.
func (w *world) digests() *admissionv1.MutatingAdmissionPolicy {
	policy := admission.Policies(admission.Options{Name: w.namespace})[0]
	policy.Name = w.namespace + "-zz-digests"
	policy.Spec.Variables = nil
	policy.Spec.MatchConditions = nil
	policy.Spec.ReinvocationPolicy = admissionv1.NeverReinvocationPolicy
	policy.Spec.Mutations = []admissionv1.Mutation{{
		PatchType: admissionv1.PatchTypeJSONPatch,
		JSONPatch: &admissionv1.JSONPatch{Expression: fmt.Sprintf(`
			object.spec.template.spec.containers[0].image == "tag:stable" ? [JSONPatch{op: "replace", path: "/spec/template/spec/containers/0/image", value: %q}] :
			object.spec.template.spec.containers[0].image == "tag:newer" ? [JSONPatch{op: "replace", path: "/spec/template/spec/containers/0/image", value: %q}] : []`, stable, newer)},
	}}
	return policy
}
