package live_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/e2e/controlplane"
)

// TestRouteKindThatIsNotInstalled: the Rollout says so and touches nothing. Once the kind and the route
// are there, it is armed and releases. It leaves the control plane without the routes of others.
func TestRouteKindThatIsNotInstalled(t *testing.T) {
	c := controlplane.Start(t)
	namespace := c.Namespace(t, "kind")
	reinstall := uninstall(t, c, controlplane.HTTPRoutes)

	var route *unstructured.Unstructured
	for _, obj := range controlplane.Objects(t, namespace, "app", 1, quick) {
		if obj.GetKind() == "HTTPRoute" {
			route = obj
			continue
		}
		c.Create(t, namespace, obj)
	}
	controlplane.Await(t, "the Rollout says that the kind is missing", func(ctx context.Context) (bool, string) {
		rollout, err := c.In(namespace, controlplane.Rollouts).Get(ctx, "app", metav1.GetOptions{})
		require.NoError(t, err)
		stalled, message := controlplane.Condition(rollout, "Stalled")
		return stalled == "True" && message == "kind HTTPRoute.gateway.networking.k8s.io is not installed in this cluster; install its CRDs, or take HTTPRoute app out of spec.routeRefs", message
	})
	deployment, err := c.In(namespace, controlplane.Deployments).Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)
	require.Empty(t, deployment.GetLabels(), "it is not armed")

	reinstall()
	c.Create(t, namespace, route)
	c.AwaitArmed(t, namespace, "app")
	uninstall(t, c, controlplane.BackendTLSPolicies) // the controller has seen it served, and needs it no more
	c.SetImage(t, namespace, "app", "app:v2")
	awaitOutcome(t, c, namespace, "app-1", "Promoted")
}

// uninstall deletes the CRD of a kind, and returns what makes it again, at the latest when the test ends.
func uninstall(t *testing.T, c *controlplane.Controller, kind schema.GroupVersionResource) func() {
	t.Helper()
	crds := c.Client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	name := kind.GroupResource().String()
	crd, err := crds.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	crd.SetResourceVersion("")
	crd.SetUID("")
	unstructured.RemoveNestedField(crd.Object, "status")
	served := func(ctx context.Context) (bool, string) {
		_, err := c.Client.Resource(kind).List(ctx, metav1.ListOptions{})
		return err == nil, fmt.Sprint(err)
	}
	reinstall := func() {
		_, err := crds.Create(context.WithoutCancel(t.Context()), crd, metav1.CreateOptions{})
		if !apierrors.IsAlreadyExists(err) {
			require.NoError(t, err)
		}
	}
	t.Cleanup(reinstall)
	require.NoError(t, crds.Delete(t.Context(), name, metav1.DeleteOptions{}))
	controlplane.Await(t, "the CRD is gone", func(ctx context.Context) (bool, string) {
		_, err := crds.Get(ctx, name, metav1.GetOptions{})
		there, seen := served(ctx)
		return apierrors.IsNotFound(err) && !there, fmt.Sprint(err, seen)
	})
	return func() {
		reinstall()
		controlplane.Await(t, name+" are served again", served)
	}
}
