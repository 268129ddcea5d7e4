package api_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/admission"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providers"
)

// TestEveryKindOfRouteIsGuarded applies each kind that is written into again as it is in Git while it is split.
func TestEveryKindOfRouteIsGuarded(t *testing.T) {
	w := newWorld(t, func(t *testing.T, client kubernetes.Interface, o admission.Options) {
		hook := hookOn(t, o)
		installHooks(t, client, admission.TableWebhook(o, hook))
		installHooks(t, client, admission.RouteWebhook(o, hook))
	})
	for _, listed := range providers.List() {
		if !listed.Guarded {
			continue
		}
		t.Run(listed.Kind.Kind, func(t *testing.T) {
			resource := listed.Resource
			resource.Version = "v1"
			manifest := guardedRoute(t, listed.Kind.Kind)
			users, ours := w.user.Resource(resource).Namespace(w.namespace), w.ours.Resource(resource).Namespace(w.namespace)
			live, err := users.Apply(t.Context(), "guarded", manifest, metav1.ApplyOptions{FieldManager: tool})
			require.NoError(t, err)
			out, err := listed.Make(v1alpha1.RouteRef{}).Render(trafficrouting.Objects{Route: live}, guardOwner, tenPercent)
			require.NoError(t, err)
			split, err := ours.Update(t.Context(), out.Route, metav1.UpdateOptions{FieldManager: v1alpha1.FieldManager})
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				answer, err := users.Apply(t.Context(), "guarded", manifest, metav1.ApplyOptions{FieldManager: tool, Force: true, DryRun: []string{metav1.DryRunAll}})
				return err == nil && reflect.DeepEqual(content(answer), content(split))
			}, 20*time.Second, 100*time.Millisecond, "applied again, the split stays")
			answer, err := users.Apply(t.Context(), "guarded", manifest, metav1.ApplyOptions{FieldManager: tool, Force: true})
			require.NoError(t, err)
			require.Equal(t, content(split), content(answer))
		})
	}
}

// guardedRoute is one of a kind as it is in Git.
func guardedRoute(t *testing.T, kind string) *unstructured.Unstructured {
	t.Helper()
	if kind == "VirtualService" {
		return parse(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: guarded}
spec:
  hosts: [shop.example.com]
  http: [{route: [{destination: {host: checkout}}]}]
`)
	}
	manifest := parse(strings.ReplaceAll(`
apiVersion: gateway.networking.k8s.io/v1
kind: KIND
metadata: {name: guarded}
spec:
  parentRefs: [{name: web}]
  rules: [{backendRefs: [{name: checkout, port: 80}]}]
`, "KIND", kind))
	if kind == "TLSRoute" {
		require.NoError(t, unstructured.SetNestedStringSlice(manifest.Object, []string{"shop.example.com"}, "spec", "hostnames"))
	}
	return manifest
}
