package api_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/admission"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/gatewayapi"
)

// routeManifest is what Git says of a route, with a rule for each path.
func routeManifest(name string, paths ...string) *unstructured.Unstructured {
	route := parse(fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s, labels: {team: shop}, annotations: {docs: "https://example.com"}}
spec:
  parentRefs: [{name: web}]
  rules: []
`, name))
	rules := []any{}
	for _, path := range paths {
		rules = append(rules, map[string]any{
			"matches":     []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": path}}},
			"backendRefs": []any{map[string]any{"name": "checkout", "port": int64(80)}},
		})
	}
	route.Object["spec"].(map[string]any)["rules"] = rules
	return route
}

// routeWays are the ways of the tools to bring a route to what a manifest says.
func routeWays() map[string]func(*world, *testing.T, *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	forced := metav1.ApplyOptions{FieldManager: tool, Force: true}
	return map[string]func(*world, *testing.T, *unstructured.Unstructured) (*unstructured.Unstructured, error){
		"server-side apply, forced": func(w *world, t *testing.T, m *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			return w.routes(w.user).Apply(t.Context(), m.GetName(), m, forced)
		},
		"client-side apply": func(w *world, t *testing.T, m *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			live, err := json.Marshal(w.route(t, m.GetName()).Object)
			require.NoError(t, err)
			wanted := []byte(encode(t, m.Object))
			patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch([]byte(encode(t, routeManifest(m.GetName(), "/").Object)), wanted, live)
			require.NoError(t, err)
			return w.routes(w.user).Patch(t.Context(), m.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
		},
		"replace": func(w *world, t *testing.T, m *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			m = m.DeepCopy()
			m.SetResourceVersion(w.route(t, m.GetName()).GetResourceVersion())
			return w.routes(w.user).Update(t.Context(), m, metav1.UpdateOptions{})
		},
		"JSON patch": func(w *world, t *testing.T, m *unstructured.Unstructured) (*unstructured.Unstructured, error) {
			return w.routes(w.user).Patch(t.Context(), m.GetName(), types.JSONPatchType, []byte(encode(t, []any{
				map[string]any{"op": "replace", "path": "/spec", "value": m.Object["spec"]},
			})), metav1.PatchOptions{})
		},
	}
}

func (w *world) routes(who dynamic.Interface) dynamic.ResourceInterface {
	return who.Resource(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}).Namespace(w.namespace)
}

func (w *world) route(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	live, err := w.routes(w.user).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return live
}

var (
	guardOwner = trafficrouting.Owner{Name: "checkout"}
	tenPercent = []trafficrouting.Split{trafficrouting.Between("checkout", 100_000)}
)

// split makes a route as a tool applied it, and sends a tenth of its requests to the canary.
func (w *world) split(t *testing.T) string {
	t.Helper()
	name := unique(t)
	_, err := w.routes(w.user).Apply(t.Context(), name, routeManifest(name, "/"), metav1.ApplyOptions{FieldManager: tool})
	require.NoError(t, err)
	w.render(t, name, tenPercent)
	return name
}

// render writes what the controller would; no splits take its part out.
func (w *world) render(t *testing.T, name string, splits []trafficrouting.Split) {
	t.Helper()
	out, err := gatewayapi.HTTPRoute().Render(trafficrouting.Objects{Route: w.route(t, name)}, guardOwner, splits)
	require.NoError(t, err)
	_, err = w.routes(w.ours).Update(t.Context(), out.Route, metav1.UpdateOptions{FieldManager: v1alpha1.FieldManager})
	require.NoError(t, err)
}

func TestRoutesAreGuarded(t *testing.T) {
	w := newWorld(t, func(t *testing.T, client kubernetes.Interface, o admission.Options) {
		hook := hookOn(t, o)
		installHooks(t, client, admission.TableWebhook(o, hook))
		installHooks(t, client, admission.RouteWebhook(o, hook))
	})
	probe := w.split(t)
	require.Eventually(t, func() bool {
		_, err := w.routes(w.user).Apply(t.Context(), probe, routeManifest(probe), metav1.ApplyOptions{
			FieldManager: tool, Force: true, DryRun: []string{metav1.DryRunAll},
		})
		return err != nil
	}, 20*time.Second, 100*time.Millisecond, "the webhook is in effect")

	for how, write := range routeWays() {
		t.Run(how+" of the user's manifest again changes nothing", func(t *testing.T) {
			name := w.split(t)
			before := content(w.route(t, name))
			answer, err := write(w, t, routeManifest(name, "/"))
			require.NoError(t, err)
			require.Equal(t, before, content(answer))
			require.Equal(t, before, content(w.route(t, name)))
		})
		t.Run(how+" of a new rule keeps it and splits it", func(t *testing.T) {
			name := w.split(t)
			answer, err := write(w, t, routeManifest(name, "/", "/new"))
			require.NoError(t, err)
			shares := sharesOf(t, answer)
			require.Equal(t, [][]int64{{90, 10}, {90, 10}}, shares)
			w.render(t, name, nil)
			require.Equal(t, routeManifest(name, "/", "/new").Object["spec"], unweighted(w.route(t, name)))
		})
	}
	t.Run("a dry run shows no difference", func(t *testing.T) {
		name := w.split(t)
		before := content(w.route(t, name))
		answer, err := w.routes(w.user).Apply(t.Context(), name, routeManifest(name, "/"), metav1.ApplyOptions{
			FieldManager: tool, Force: true, DryRun: []string{metav1.DryRunAll},
		})
		require.NoError(t, err)
		require.Equal(t, before, content(answer))
	})
	t.Run("a route that names the Service no more is refused", func(t *testing.T) {
		name := w.split(t)
		m := routeManifest(name, "/")
		m.Object["spec"].(map[string]any)["rules"] = []any{
			map[string]any{"backendRefs": []any{map[string]any{"name": "other", "port": int64(80)}}},
		}
		_, err := w.routes(w.user).Apply(t.Context(), name, m, metav1.ApplyOptions{FieldManager: tool, Force: true})
		require.ErrorContains(t, err, "is split by Rollout checkout: no rule names Service checkout")
		require.ErrorContains(t, err, "or abort its release first")
	})
	t.Run("the label that breaks the glass lets a write past", func(t *testing.T) {
		name := w.split(t)
		m := routeManifest(name, "/")
		m.SetLabels(map[string]string{v1alpha1.LabelBreakGlass: "true"})
		answer, err := w.routes(w.user).Apply(t.Context(), name, m, metav1.ApplyOptions{FieldManager: tool, Force: true})
		require.NoError(t, err)
		require.Equal(t, [][]int64{{1}}, sharesOf(t, answer))
	})
	t.Run("the part of a Rollout of another namespace stays", w.keepsForeignPart)
	t.Run("a dump from an earlier release brings no part back", func(t *testing.T) {
		name := w.split(t)
		dump := w.route(t, name)
		w.render(t, name, nil)
		dump.SetResourceVersion(w.route(t, name).GetResourceVersion())
		answer, err := w.routes(w.user).Update(t.Context(), dump, metav1.UpdateOptions{})
		require.NoError(t, err)
		require.Equal(t, [][]int64{{1}}, sharesOf(t, answer))
		require.NotContains(t, answer.GetAnnotations(), v1alpha1.AnnotationSplitPrefix+"checkout")
	})
}

// keepsForeignPart: a forced apply of the user's manifest leaves the part of a Rollout of another namespace as it is.
func (w *world) keepsForeignPart(t *testing.T) {
	name := unique(t)
	m := routeManifest(name, "/")
	m.Object["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any)["backendRefs"].([]any)[0].(map[string]any)["namespace"] = "shop"
	user, err := w.routes(w.user).Apply(t.Context(), name, m, metav1.ApplyOptions{FieldManager: tool})
	require.NoError(t, err)
	out, err := gatewayapi.HTTPRoute().Render(trafficrouting.Objects{Route: user}, trafficrouting.Owner{Namespace: "shop", Name: "checkout"}, tenPercent)
	require.NoError(t, err)
	_, err = w.routes(w.ours).Update(t.Context(), out.Route, metav1.UpdateOptions{FieldManager: v1alpha1.FieldManager})
	require.NoError(t, err)
	answer, err := w.routes(w.user).Apply(t.Context(), name, m, metav1.ApplyOptions{FieldManager: tool, Force: true})
	require.NoError(t, err)
	require.Equal(t, [][]int64{{90, 10}}, sharesOf(t, answer))
	require.Contains(t, answer.GetAnnotations(), "shop.split.crossfade.io/checkout")
}

// sharesOf are the weights of each rule.
func sharesOf(t *testing.T, route *unstructured.Unstructured) [][]int64 {
	t.Helper()
	rules, _, err := unstructured.NestedSlice(route.Object, "spec", "rules")
	require.NoError(t, err)
	var out [][]int64
	for _, rule := range rules {
		var weights []int64
		for _, ref := range rule.(map[string]any)["backendRefs"].([]any) {
			weight, ok := ref.(map[string]any)["weight"].(int64)
			require.True(t, ok, "%v", ref)
			weights = append(weights, weight)
		}
		out = append(out, weights)
	}
	return out
}

// unweighted is a route's spec less what the API server fills in.
func unweighted(route *unstructured.Unstructured) any {
	spec := route.DeepCopy().Object["spec"].(map[string]any)
	for _, rule := range spec["rules"].([]any) {
		for _, ref := range rule.(map[string]any)["backendRefs"].([]any) {
			for _, field := range []string{"weight", "group", "kind"} {
				delete(ref.(map[string]any), field)
			}
		}
	}
	for _, parent := range spec["parentRefs"].([]any) {
		for _, field := range []string{"group", "kind"} {
			delete(parent.(map[string]any), field)
		}
	}
	return spec
}
