package controlplane

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// The resources that tests look at.
var (
	Rollouts    = schema.GroupVersionResource{Group: "crossfade.io", Version: "v1alpha1", Resource: "rollouts"}
	Releases    = schema.GroupVersionResource{Group: "crossfade.io", Version: "v1alpha1", Resource: "releases"}
	Deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	Services    = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	Pods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	Ingresses   = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}

	VirtualServices    = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}
	BackendTLSPolicies = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "backendtlspolicies"}
	HTTPRoutes         = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}
	RouteKinds         = schema.GroupVersionResource{Group: "crossfade.io", Version: "v1alpha1", Resource: "routekinds"}
	IngressRoutes      = schema.GroupVersionResource{Group: "traefik.io", Version: "v1alpha1", Resource: "ingressroutes"}
	namespaces         = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

// app is one application with its Rollout; NAME, NAMESPACE, REPLICAS and the strategy are filled in. Tests run side by side,
// so that each has hostnames of its own: the routes of several at one Gateway would compete for requests.
const app = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: app, image: "app:v1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec:
  selector: {app: NAME}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: NAME}
spec:
  parentRefs: [{name: gateway, namespace: crossfade-gateway}]
  hostnames: [NAME.NAMESPACE.test]
  rules: [{backendRefs: [{name: NAME, port: 80}]}]
---
apiVersion: crossfade.io/v1alpha1
kind: Rollout
metadata: {name: NAME}
spec:
  workloadRef: {kind: Deployment, name: NAME}
  serviceRefs: [{name: NAME}]
  routeRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: NAME}]
`

// Namespace makes a namespace that goes with the test.
func (c *Controller) Namespace(t testing.TB, prefix string) string {
	t.Helper()
	made, err := c.Client.Resource(namespaces).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"generateName": prefix + "-"},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = c.Client.Resource(namespaces).Delete(ctx, made.GetName(), metav1.DeleteOptions{}) })
	return made.GetName()
}

// Deploy makes an application with a Rollout whose spec is completed by more (YAML, indented by two),
// without waiting for it.
func (c *Controller) Deploy(t testing.TB, namespace, name string, replicas int, more string) {
	t.Helper()
	for _, obj := range Objects(t, namespace, name, replicas, more) {
		c.Create(t, namespace, obj)
	}
}

// Objects of an application: Deployment, Service, HTTPRoute and Rollout, in this order. It makes none of them.
func Objects(t testing.TB, namespace, name string, replicas int, more string) []*unstructured.Unstructured {
	t.Helper()
	text := fill(app, namespace, name, "REPLICAS", fmt.Sprint(replicas)) + more
	var objects []*unstructured.Unstructured
	for _, document := range strings.Split(text, "\n---\n") {
		obj := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(document), &obj.Object))
		obj.SetNamespace(namespace)
		objects = append(objects, obj)
	}
	return objects
}

// fill puts the names of an application into a manifest, and what more is given.
func fill(manifest, namespace, name string, more ...string) string {
	return strings.NewReplacer(append([]string{"NAMESPACE", namespace, "NAME", name}, more...)...).Replace(manifest)
}

// otherRoutes are what an application may have in the place of its HTTPRoute, with how its Rollout names them.
var otherRoutes = map[string]struct {
	manifest string
	ref      map[string]any
}{
	"Ingress": {`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: NAME}
spec:
  ingressClassName: nginx
  rules: [{host: NAME.NAMESPACE.test, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: NAME, port: {number: 80}}}}]}}]
`, map[string]any{"group": "networking.k8s.io", "kind": "Ingress", "flavor": "IngressNginx"}},
	"VirtualService": {`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME}
spec:
  hosts: [NAME]
  http: [{route: [{destination: {host: NAME, port: {number: 80}}}]}]
`, map[string]any{"group": "networking.istio.io", "kind": "VirtualService"}},
	"IngressRoute": {`
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: NAME}
spec:
  routes: [{kind: Rule, match: Host("NAME.NAMESPACE.test"), services: [{name: NAME, port: 80}]}]
`, map[string]any{"group": "traefik.io", "kind": "IngressRoute"}},
}

// By gives the objects of an application a route of this kind in the place of their HTTPRoute.
func By(t testing.TB, kind string, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	t.Helper()
	other, ok := otherRoutes[kind]
	if !ok {
		return objects
	}
	namespace, name := objects[0].GetNamespace(), objects[0].GetName()
	route := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(fill(other.manifest, namespace, name)), &route.Object))
	route.SetNamespace(namespace)
	rollout := objects[3].DeepCopy()
	ref := maps.Clone(other.ref)
	ref["name"] = name
	require.NoError(t, unstructured.SetNestedSlice(rollout.Object, []any{ref}, "spec", "routeRefs"))
	return []*unstructured.Unstructured{objects[0], objects[1], route, rollout}
}

// Resources are those of an application's objects, by kind.
var Resources = map[string]schema.GroupVersionResource{
	"Deployment": Deployments, "Service": Services, "Rollout": Rollouts,
	"HTTPRoute": HTTPRoutes, "Ingress": Ingresses, "VirtualService": VirtualServices,
	"BackendTLSPolicy": BackendTLSPolicies, "IngressRoute": IngressRoutes,
}

// Create makes one object of an application.
func (c *Controller) Create(t testing.TB, namespace string, obj *unstructured.Unstructured) {
	t.Helper()
	_, err := c.In(namespace, Resources[obj.GetKind()]).Create(t.Context(), obj, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	require.NoError(t, err)
}

// In is a client of one resource in one namespace.
func (c *Controller) In(namespace string, resource schema.GroupVersionResource) dynamic.ResourceInterface {
	return c.Client.Resource(resource).Namespace(namespace)
}

// AwaitArmed waits until a new version of the application would be released by steps.
func (c *Controller) AwaitArmed(t testing.TB, namespace, name string) {
	t.Helper()
	Await(t, "Rollout "+name+" is armed", func(ctx context.Context) (bool, string) {
		rollout, err := c.In(namespace, Rollouts).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		armed, message := Condition(rollout, "Armed")
		inFlight, _, _ := unstructured.NestedString(rollout.Object, "status", "release")
		return armed == "True" && inFlight == "", message
	})
}

// SetImage writes a new version into the template.
func (c *Controller) SetImage(t testing.TB, namespace, name, image string) {
	t.Helper()
	body := fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":%q}]}}}}`, image)
	_, err := c.In(namespace, Deployments).Patch(t.Context(), name, types.StrategicMergePatchType, []byte(body), metav1.PatchOptions{})
	require.NoError(t, err)
}

// Condition returns the status and message of a condition; empty if it is absent.
func Condition(obj *unstructured.Unstructured, kind string) (status, message string) {
	conditions, _, _ := unstructured.NestedSlice(obj.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && condition["type"] == kind {
			return fmt.Sprint(condition["status"]), fmt.Sprint(condition["message"])
		}
	}
	return "", ""
}
