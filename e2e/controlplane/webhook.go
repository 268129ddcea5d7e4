package controlplane

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/admission"
	"crossfade.io/crossfade/controllers/admission/webhook"
	"crossfade.io/crossfade/controllers/routekind"
	"crossfade.io/crossfade/e2e/cluster"
	"crossfade.io/crossfade/trafficrouting/providers"
)

var (
	admissionOptions = admission.Options{Name: "crossfade", Controllers: []string{User}, Ignored: admission.DefaultIgnored}
	admissionGroup   = schema.GroupVersion{Group: "admissionregistration.k8s.io", Version: "v1"}
)

// ServeWebhook serves the product's webhook, until the test ends, where the API server of a cluster reaches it: inside
// the cluster's network.
func ServeWebhook(t testing.TB, c cluster.Cluster, o admission.Options) admission.Hook {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	require.NoError(t, err)
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	releases, err := client.New(config, client.Options{Scheme: scheme})
	require.NoError(t, err)
	handlers, err := webhook.Handlers(o, providers.Registry(), &routekind.InUse{Releases: releases})
	require.NoError(t, err)
	mux := http.NewServeMux()
	for path, handler := range handlers {
		mux.Handle(path, handler)
	}
	server := httptest.NewUnstartedServer(mux)
	require.NoError(t, server.Listener.Close())
	server.Listener, err = c.Listen()
	require.NoError(t, err)
	server.StartTLS()
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return admission.Hook{
		Gate:   admissionv1.Fail,
		Routes: providers.Guarded(),
		Client: func(path string) admissionv1.WebhookClientConfig {
			return admissionv1.WebhookClientConfig{URL: ptr.To(server.URL + path), CABundle: authority}
		},
	}
}

// installGate puts gate and guards into effect: by policy, or by webhook if byWebhook. It returns the flags that the
// controller needs for that.
func (c *Controller) installGate(t testing.TB, byWebhook bool) []string {
	t.Helper()
	if byWebhook {
		hook := ServeWebhook(t, c.named, admissionOptions)
		c.apply(t, admissionGroup.WithResource("mutatingwebhookconfigurations"), admission.TableWebhook(admissionOptions, hook))
		c.apply(t, admissionGroup.WithResource("mutatingwebhookconfigurations"), admission.RouteWebhook(admissionOptions, hook))
		return []string{"--webhook-gate"}
	}
	for _, p := range admission.Policies(admissionOptions) {
		c.apply(t, admissionGroup.WithResource("mutatingadmissionpolicies"), p)
	}
	for _, b := range admission.Bindings(admissionOptions) {
		c.apply(t, admissionGroup.WithResource("mutatingadmissionpolicybindings"), b)
	}
	return nil
}

// GuardRoutes puts the routes' webhook into effect, as the chart does. Without it they are repaired.
func (c *Controller) GuardRoutes(t testing.TB) {
	t.Helper()
	if os.Getenv(GateVariable) != "webhook" {
		c.apply(t, admissionGroup.WithResource("mutatingwebhookconfigurations"),
			admission.RouteWebhook(admissionOptions, ServeWebhook(t, c.named, admissionOptions)))
	}
}
