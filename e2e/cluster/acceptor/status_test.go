package acceptor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	listers "sigs.k8s.io/gateway-api/pkg/client/listers/apis/v1"
)

func TestRunNeedsAServer(t *testing.T) {
	require.ErrorContains(t, Run(t.Context(), &rest.Config{Host: "::bad"}, "10.0.0.1"), "create client")
}

func TestParentStatuses(t *testing.T) {
	a := &acceptor{classes: listers.NewGatewayClassLister(store(t,
		&gateway.GatewayClass{ObjectMeta: named("", "own"), Spec: gateway.GatewayClassSpec{ControllerName: ControllerName}},
		&gateway.GatewayClass{ObjectMeta: named("", "foreign"), Spec: gateway.GatewayClassSpec{ControllerName: "else.where/x"}},
	)), gateways: listers.NewGatewayLister(store(t,
		&gateway.Gateway{ObjectMeta: named("infra", "gw"), Spec: gateway.GatewaySpec{GatewayClassName: "own"}},
		&gateway.Gateway{ObjectMeta: named("infra", "other"), Spec: gateway.GatewaySpec{GatewayClassName: "foreign"}},
	))}
	infra := gateway.Namespace("infra")
	ours := gateway.ParentReference{Namespace: &infra, Name: "gw"}
	theirs := gateway.ParentReference{Namespace: &infra, Name: "other"}
	foreign := gateway.RouteParentStatus{ParentRef: theirs, ControllerName: "else.where/x"}

	route := &gateway.HTTPRoute{ObjectMeta: named("app", "route")}
	route.Generation = 3
	route.Spec.ParentRefs = []gateway.ParentReference{ours, theirs, {Name: "gw"}}
	route.Status.Parents = []gateway.RouteParentStatus{foreign}

	got := a.parentStatuses(route)
	require.Len(t, got, 2, "a Gateway of that name in the route's own namespace does not exist")
	require.Equal(t, foreign, got[0], "another controller's entry stays")
	require.Equal(t, ours, got[1].ParentRef)
	for _, kind := range []string{"Accepted", "ResolvedRefs"} {
		condition := meta.FindStatusCondition(got[1].Conditions, kind)
		require.NotNil(t, condition, kind)
		require.Equal(t, metav1.ConditionTrue, condition.Status)
		require.Equal(t, int64(3), condition.ObservedGeneration)
	}

	t.Run("a new generation moves what was observed and not when it became true", func(t *testing.T) {
		since := metav1.NewTime(time.Now().Add(-time.Hour))
		for i := range got[1].Conditions {
			got[1].Conditions[i].LastTransitionTime = since
		}
		route.Status.Parents, route.Generation = got, 4
		next := a.parentStatuses(route)
		require.Len(t, next, 2)
		for _, condition := range next[1].Conditions {
			require.Equal(t, int64(4), condition.ObservedGeneration)
			require.Equal(t, since, condition.LastTransitionTime)
		}
		require.Equal(t, int64(3), route.Status.Parents[1].Conditions[0].ObservedGeneration, "the cache is not written to")
	})
	t.Run("a parent that is no longer one loses its entry", func(t *testing.T) {
		route.Spec.ParentRefs = []gateway.ParentReference{theirs}
		require.Equal(t, []gateway.RouteParentStatus{foreign}, a.parentStatuses(route))
	})
}

func TestGatewayStatus(t *testing.T) {
	a := &acceptor{address: "10.99.0.1"}
	gw := &gateway.Gateway{ObjectMeta: named("infra", "gw")}
	gw.Generation = 2
	gw.Spec.Listeners = []gateway.Listener{{Name: "http"}}
	status := a.gatewayStatus(gw)
	require.True(t, meta.IsStatusConditionTrue(status.Conditions, "Programmed"))
	require.Equal(t, "10.99.0.1", status.Addresses[0].Value)
	require.Len(t, status.Listeners, 1)
	require.True(t, meta.IsStatusConditionTrue(status.Listeners[0].Conditions, "ResolvedRefs"))
	gw.Status = status
	require.Equal(t, status, a.gatewayStatus(gw), "nothing to write once it is written")
}

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func store(t *testing.T, objects ...any) cache.Indexer {
	t.Helper()
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, object := range objects {
		require.NoError(t, indexer.Add(object))
	}
	return indexer
}
