package live_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"crossfade.io/crossfade/e2e/controlplane"
)

const undescribed = "kind IngressRoute.traefik.io is not supported, and no RouteKind describes it; apply one, which is called ingressroute.traefik.io, or use one of " +
	"[GRPCRoute.gateway.networking.k8s.io HTTPRoute.gateway.networking.k8s.io Ingress.networking.k8s.io TCPRoute.gateway.networking.k8s.io TLSRoute.gateway.networking.k8s.io VirtualService.networking.istio.io]"

const ingressRoutes = "../../../charts/crossfade/files/routekinds/ingressroute.traefik.io.yaml"

// routeKindGoesMidWay: a Rollout waits for the description of its route's kind, and says what is wrong with one. A Release
// keeps the one that it began with: it goes on, and back, when that is broken and deleted in its middle.
func routeKindGoesMidWay(t *testing.T, c *controlplane.Controller) {
	t.Helper()
	namespace := c.Namespace(t, "described")
	apply(t, c, schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
		"../../../trafficrouting/generic/testdata/ingressroutes.v3.7.5.yaml")
	controlplane.Await(t, "IngressRoutes are served", func(ctx context.Context) (bool, string) {
		_, err := c.In(namespace, controlplane.IngressRoutes).List(ctx, metav1.ListOptions{})
		return err == nil, fmt.Sprint(err)
	})
	for _, obj := range controlplane.By(t, "IngressRoute", controlplane.Objects(t, namespace, "app", 2, approved)) {
		c.Create(t, namespace, obj)
	}
	awaitStalled(t, c, namespace, undescribed)

	const broken = "RouteKind ingressroute.traefik.io cannot be used: spec.backends.service: undeclared reference to 'bakend' (in container '') (line 1, column 1); correct the expression"
	kinds := c.Client.Resource(controlplane.RouteKinds)
	breakIt := func(kind *unstructured.Unstructured) {
		require.NoError(t, unstructured.SetNestedField(kind.Object, "bakend.name", "spec", "backends", "service"))
	}
	described := apply(t, c, controlplane.RouteKinds, ingressRoutes, breakIt)
	t.Cleanup(func() {
		_ = kinds.Delete(context.WithoutCancel(t.Context()), described.GetName(), metav1.DeleteOptions{})
	})
	awaitRouteKind(t, c, described.GetName(), "False", broken)
	awaitStalled(t, c, namespace, broken)

	apply(t, c, controlplane.RouteKinds, ingressRoutes)
	awaitRouteKind(t, c, described.GetName(), "True", "routes of this kind can be named in Rollouts")
	c.AwaitArmed(t, namespace, "app")
	user, err := c.In(namespace, controlplane.IngressRoutes).Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)

	c.SetImage(t, namespace, "app", "app:v2")
	await(t, c, namespace, "app-1", "it holds", func(release *unstructured.Unstructured) bool {
		held, _ := controlplane.Condition(release, "Held")
		return held == "True"
	})
	split, err := c.In(namespace, controlplane.IngressRoutes).Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(split.Object["spec"]), "app-canary")
	apply(t, c, controlplane.RouteKinds, ingressRoutes, breakIt)
	awaitRouteKind(t, c, described.GetName(), "False", broken)
	require.NoError(t, kinds.Delete(t.Context(), described.GetName(), metav1.DeleteOptions{}))

	abort(t, c, namespace, "app-1")
	awaitOutcome(t, c, namespace, "app-1", "Aborted")
	left, err := c.In(namespace, controlplane.IngressRoutes).Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, user.Object["spec"], left.Object["spec"])
	require.Equal(t, user.GetAnnotations(), left.GetAnnotations())

	c.SetImage(t, namespace, "app", "app:v3")
	awaitStalled(t, c, namespace, undescribed)
}

// apply applies the object of a file, changed.
func apply(t *testing.T, c *controlplane.Controller, resource schema.GroupVersionResource, file string, changes ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	obj := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal(text, &obj.Object))
	for _, change := range changes {
		change(obj)
	}
	_, err = c.Client.Resource(resource).Apply(t.Context(), obj.GetName(), obj, metav1.ApplyOptions{FieldManager: "test", Force: true})
	require.NoError(t, err)
	return obj
}

func awaitStalled(t *testing.T, c *controlplane.Controller, namespace, message string) {
	t.Helper()
	controlplane.Await(t, "the Rollout says: "+message, func(ctx context.Context) (bool, string) {
		rollout, err := c.In(namespace, controlplane.Rollouts).Get(ctx, "app", metav1.GetOptions{})
		require.NoError(t, err)
		is, says := controlplane.Condition(rollout, "Stalled")
		return is == "True" && says == message, says
	})
}

func awaitRouteKind(t *testing.T, c *controlplane.Controller, name, status, message string) {
	t.Helper()
	controlplane.Await(t, "the RouteKind says: "+message, func(ctx context.Context) (bool, string) {
		kind, err := c.Client.Resource(controlplane.RouteKinds).Get(ctx, name, metav1.GetOptions{})
		require.NoError(t, err)
		is, says := controlplane.Condition(kind, "Ready")
		return is == status && says == message, says
	})
}
