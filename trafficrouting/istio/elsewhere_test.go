package istio_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/istio"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

const inShop = ".shop.svc.cluster.local"

// toEdge moves a VirtualService to namespace edge: its destinations name the Services in full.
func toEdge(route *unstructured.Unstructured) {
	route.SetNamespace("edge")
	eachHost(route.Object["spec"], func(host string) string {
		if !strings.Contains(host, ".") {
			return host + inShop
		}
		return host
	})
}

// toShop moves it back.
func toShop(route *unstructured.Unstructured) {
	route.SetNamespace("shop")
	eachHost(route.Object["spec"], func(host string) string { return strings.TrimSuffix(host, inShop) })
}

func eachHost(value any, to func(string) string) {
	switch typed := value.(type) {
	case []any:
		for _, item := range typed {
			eachHost(item, to)
		}
	case object:
		if host, ok := typed["host"].(string); ok {
			typed["host"] = to(host)
		}
		for _, item := range typed {
			eachHost(item, to)
		}
	}
}

// TestContractElsewhere: the laws hold for a VirtualService of another namespace, and DestinationRules stay with the
// Services.
func TestContractElsewhere(t *testing.T) {
	f := fixtures()
	few := []string{"weights of its own", "several rules", "two Services in one rule", "subsets"}
	maps.DeleteFunc(f.Routes, func(name string, _ trafficrouting.Objects) bool { return !slices.Contains(few, name) })
	providertest.Run(t, istio.New(), providertest.Elsewhere(f, toEdge, toShop))
}

// TestMisfitElsewhere: what a subset picks is looked at wherever the VirtualService is, and what it calls by the name of a
// Service of its own namespace is another Service.
func TestMisfitElsewhere(t *testing.T) {
	live := trafficrouting.Objects{Route: stored(subsets), Beside: []*unstructured.Unstructured{stored(policy)}}
	service := providertest.Parse(`{apiVersion: v1, kind: Service, metadata: {name: checkout, namespace: shop}}`)
	picked := map[string]string{"region": "eu"}
	require.Contains(t, istio.New().Misfit(live, service, picked), "subset us of Service checkout picks pods by label region=us")
	toEdge(live.Route)
	require.Contains(t, istio.New().Misfit(live, service, picked), "subset us of Service checkout picks pods by label region=us")
	service.SetNamespace("edge")
	require.Empty(t, istio.New().Misfit(live, service, picked))
}
