package gatewayapi

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// unknownSettle is for controllers that we know nothing of: the longest of those that run in the
// cluster.
const unknownSettle = 15 * time.Second

// settles is how long the data planes of known controllers take to follow, by the beginning of
// status.parents[].controllerName: Istio debounces for up to 10 s, cloud load balancers learn of
// endpoints by their own health checks.
var settles = []struct {
	controller string
	settle     time.Duration
}{
	{"traefik.io/", 5 * time.Second},
	{"gateway.nginx.org/", 5 * time.Second},
	{"gateway.envoyproxy.io/", 10 * time.Second},
	{"projectcontour.io/", 10 * time.Second},
	{"io.cilium/", 10 * time.Second},
	{"kgateway.dev/", 10 * time.Second},
	{"istio.io/", 15 * time.Second},
	{"networking.gke.io/", 60 * time.Second},
	{"alb.networking.azure.io/", 60 * time.Second},
	{"gateway.k8s.aws/", 60 * time.Second},
	{"application-networking.k8s.aws/", 60 * time.Second},
}

// Settle returns the longest of the times of the controllers that serve the route.
func (Route) Settle(live trafficrouting.Objects) time.Duration {
	if live.Route == nil {
		return unknownSettle
	}
	parents, _, _ := unstructured.NestedSlice(live.Route.Object, "status", "parents")
	longest := time.Duration(0)
	for _, parent := range rules.Objects(parents) {
		name, _ := parent["controllerName"].(string)
		longest = max(longest, settleOf(name))
	}
	if longest == 0 {
		return unknownSettle
	}
	return longest
}

func settleOf(controller string) time.Duration {
	for _, s := range settles {
		if strings.HasPrefix(controller, s.controller) {
			return s.settle
		}
	}
	return unknownSettle
}
