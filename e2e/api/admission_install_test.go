package api_test

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/controllers/admission"
	"crossfade.io/crossfade/controllers/admission/webhook"
	"crossfade.io/crossfade/e2e/cluster"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
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

// hookOn serves the product's webhook where the API server reaches it.
func hookOn(t *testing.T, o admission.Options) admission.Hook {
	t.Helper()
	handlers, err := webhook.Handlers(o, trafficrouting.NewRegistry(map[schema.GroupKind]trafficrouting.Provider{
		gatewayapi.GroupKind: gatewayapi.HTTPRoute{},
	}))
	require.NoError(t, err)
	mux := http.NewServeMux()
	for path, handler := range handlers {
		mux.Handle(path, handler)
	}
	server := httptest.NewUnstartedServer(mux)
	require.NoError(t, server.Listener.Close())
	server.Listener = listener(t)
	server.StartTLS()
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return admission.Hook{
		Gate:   admissionv1.Fail,
		Routes: []schema.GroupVersionResource{{Group: gatewayapi.GroupKind.Group, Version: "v1", Resource: "httproutes"}},
		Client: func(path string) admissionv1.WebhookClientConfig {
			return admissionv1.WebhookClientConfig{URL: ptr.To(server.URL + path), CABundle: authority}
		},
	}
}

// listener is one inside the cluster's network.
func listener(t *testing.T) net.Listener {
	t.Helper()
	file, err := clientcmd.LoadFromFile(os.Getenv("KUBECONFIG"))
	require.NoError(t, err)
	named, err := cluster.Open(strings.TrimPrefix(file.CurrentContext, "crossfade-"))
	require.NoError(t, err)
	l, err := named.Listen()
	require.NoError(t, err)
	return l
}

func installHooks(t *testing.T, client kubernetes.Interface, c *admissionv1.MutatingWebhookConfiguration) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	configurations := client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err := configurations.Create(t.Context(), c, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = configurations.Delete(ctx, c.Name, metav1.DeleteOptions{}) })
}
