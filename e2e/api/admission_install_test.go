package api_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"crossfade.io/crossfade/controllers/admission"
	"crossfade.io/crossfade/e2e/cluster"
	"crossfade.io/crossfade/e2e/controlplane"
)

// keepers are the two ways in which gate and guards come into effect, until the test ends.
var keepers = map[string]func(*testing.T, kubernetes.Interface, admission.Options){
	"by policy": installPolicies, "by webhook": installWebhook,
}

func installPolicies(t *testing.T, client kubernetes.Interface, o admission.Options) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // by the time of the clean-up the test's own has ended
	policies := client.AdmissionregistrationV1().MutatingAdmissionPolicies()
	for _, p := range admission.Policies(o) {
		_, err := policies.Create(t.Context(), p, metav1.CreateOptions{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = policies.Delete(ctx, p.Name, metav1.DeleteOptions{}) })
	}
	bindings := client.AdmissionregistrationV1().MutatingAdmissionPolicyBindings()
	for _, b := range admission.Bindings(o) {
		_, err := bindings.Create(t.Context(), b, metav1.CreateOptions{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = bindings.Delete(ctx, b.Name, metav1.DeleteOptions{}) })
	}
}

func installWebhook(t *testing.T, client kubernetes.Interface, o admission.Options) {
	t.Helper()
	installHooks(t, client, admission.TableWebhook(o, hookOn(t, o)))
}

// hookOn serves the webhook for the cluster under test.
func hookOn(t *testing.T, o admission.Options) admission.Hook {
	t.Helper()
	file, err := clientcmd.LoadFromFile(os.Getenv("KUBECONFIG"))
	require.NoError(t, err)
	named, err := cluster.Open(strings.TrimPrefix(file.CurrentContext, "crossfade-"))
	require.NoError(t, err)
	return controlplane.ServeWebhook(t, named, o)
}

func installHooks(t *testing.T, client kubernetes.Interface, c *admissionv1.MutatingWebhookConfiguration) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	configurations := client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err := configurations.Create(t.Context(), c, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = configurations.Delete(ctx, c.Name, metav1.DeleteOptions{}) })
}
