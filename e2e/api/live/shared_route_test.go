package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/e2e/controlplane"
)

// sharedRoutes name two applications, a and b.
var sharedRoutes = map[string]struct {
	resource schema.GroupVersionResource
	rules    string
}{
	"HTTPRoute": {controlplane.HTTPRoutes, `[
	{"matches": [{"path": {"type": "PathPrefix", "value": "/a"}}], "backendRefs": [{"name": "a", "port": 80}]},
	{"matches": [{"path": {"type": "PathPrefix", "value": "/b"}}], "backendRefs": [{"name": "b", "port": 80}]}]`},
	"VirtualService": {controlplane.VirtualServices, `[
	{"match": [{"uri": {"prefix": "/a"}}], "route": [{"destination": {"host": "a"}}]},
	{"match": [{"uri": {"prefix": "/b"}}], "route": [{"destination": {"host": "b"}}]}]`},
	"Ingress": {controlplane.Ingresses, `[{"host": "shared.test", "http": {"paths": [
	{"path": "/a", "pathType": "Prefix", "backend": {"service": {"name": "a", "port": {"number": 80}}}},
	{"path": "/b", "pathType": "Prefix", "backend": {"service": {"name": "b", "port": {"number": 80}}}}]}}]`},
}

// TestTwoRolloutsShareARoute releases both applications of a route, a small letter for the start of a release and a capital
// for its end, in every order.
func TestTwoRolloutsShareARoute(t *testing.T) {
	c := controlplane.Start(t)
	for kind, shared := range sharedRoutes {
		for _, order := range []string{"aAbB", "abAB", "abBA", "bBaA", "baBA", "baAB"} {
			t.Run(kind+" "+order, func(t *testing.T) {
				t.Parallel()
				namespace := c.Namespace(t, "shared")
				routes := c.In(namespace, shared.resource)
				for _, name := range []string{"a", "b"} {
					objects := controlplane.By(t, kind, controlplane.Objects(t, namespace, name, 1, approved))
					if name == "a" {
						c.Create(t, namespace, renamed(t, objects[2], shared.rules))
					}
					refs, _, _ := unstructured.NestedSlice(objects[3].Object, "spec", "routeRefs")
					refs[0].(map[string]any)["name"] = "shared"
					require.NoError(t, unstructured.SetNestedSlice(objects[3].Object, refs, "spec", "routeRefs"))
					for _, obj := range []*unstructured.Unstructured{objects[0], objects[1], objects[3]} {
						c.Create(t, namespace, obj)
					}
				}
				c.AwaitArmed(t, namespace, "a")
				c.AwaitArmed(t, namespace, "b")
				before, err := routes.Get(t.Context(), "shared", metav1.GetOptions{})
				require.NoError(t, err)

				inFlight := map[string]bool{}
				for _, turn := range strings.Split(order, "") {
					name := strings.ToLower(turn)
					inFlight[name] = turn == name
					if turn == name {
						c.SetImage(t, namespace, name, "app:v2")
						awaitHeld(t, c, namespace, name+"-1", "HoldingApproval")
					} else {
						approve(t, c, namespace, name+"-1", "half")
						awaitOutcome(t, c, namespace, name+"-1", "Promoted")
					}
					requireNamed(t, c, namespace, shared.resource, inFlight)
				}
				requireOnlyAsBefore(t, c, namespace, shared.resource, before)
			})
		}
	}
}

// renamed is the route of one application made that of two.
func renamed(t *testing.T, route *unstructured.Unstructured, rules string) *unstructured.Unstructured {
	t.Helper()
	out := route.DeepCopy()
	out.SetName("shared")
	var list []any
	require.NoError(t, json.Unmarshal([]byte(rules), &list))
	spec := out.Object["spec"].(map[string]any)
	field := "rules"
	if route.GetKind() == "VirtualService" {
		field = "http"
	}
	spec[field] = list
	return out
}

func approve(t *testing.T, c *controlplane.Controller, namespace, release, step string) {
	t.Helper()
	body := fmt.Sprintf(`{"spec":{"control":{"approvals":[{"step":%q,"visit":1}]}}}`, step)
	_, err := c.In(namespace, controlplane.Releases).Patch(t.Context(), release, types.MergePatchType, []byte(body), metav1.PatchOptions{})
	require.NoError(t, err)
}

// requireNamed requires that the canary Services of the applications in flight are named by the routes, and no others.
func requireNamed(t *testing.T, c *controlplane.Controller, namespace string, resource schema.GroupVersionResource, inFlight map[string]bool) {
	t.Helper()
	controlplane.Await(t, "the routes name the canaries in flight", func(ctx context.Context) (bool, string) {
		routes, err := c.In(namespace, resource).List(ctx, metav1.ListOptions{})
		require.NoError(t, err)
		specs := ""
		for _, route := range routes.Items {
			text, err := json.Marshal(route.Object["spec"])
			require.NoError(t, err)
			specs += string(text)
		}
		right := true
		for _, name := range []string{"a", "b"} {
			right = right && inFlight[name] == regexp.MustCompile(fmt.Sprintf(`"(name|host)":"%s-canary"`, name)).MatchString(specs)
		}
		return right, specs
	})
}

// requireOnlyAsBefore requires that one route is there, as it was.
func requireOnlyAsBefore(t *testing.T, c *controlplane.Controller, namespace string, resource schema.GroupVersionResource, before *unstructured.Unstructured) {
	t.Helper()
	controlplane.Await(t, "one route", func(ctx context.Context) (bool, string) {
		routes, err := c.In(namespace, resource).List(ctx, metav1.ListOptions{})
		require.NoError(t, err)
		return len(routes.Items) == 1, fmt.Sprint(len(routes.Items))
	})
	after, err := c.In(namespace, resource).Get(t.Context(), "shared", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, before.Object["spec"], after.Object["spec"])
	require.Equal(t, before.GetAnnotations(), after.GetAnnotations())
	require.Equal(t, before.GetLabels(), after.GetLabels())
}
