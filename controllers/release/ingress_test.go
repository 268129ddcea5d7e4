package release_test

import (
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// storiesByIngress are of requests that are shared by a canary Ingress.
var storiesByIngress = map[string]story{
	"ingress-promote": {"A canary Ingress comes with the first share, and goes when the Service has the new version alone.", options{ingress: true}, func(w *world) {
		begin(w)
		w.at("half")
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"ingress-abort": {"On the way back the canary Ingress is deleted, not set to 0; deleted by somebody at half, it had come again.", options{ingress: true}, func(w *world) {
		begin(w)
		w.at("half")
		w.removeCanaryIngress()
		w.rest()
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"ingress-deleted": {"The user's Ingress is deleted at half: the canary's goes too.", options{ingress: true}, func(w *world) {
		begin(w)
		w.at("half")
		w.remove(kindIngress, "checkout")
		w.remove(kindRoute, "checkout") // what the controller made of it
		w.end(v1alpha1.OutcomeFailed)
	}},
}

// reflect keeps an HTTPRoute that sends requests where the Ingresses do, so that all that watches a route watches what the
// ingress controller makes of them. That is at once: nothing tells when it is, so that Crossfade does not wait to be told.
func (s *store) reflect(written string) {
	if written != kindIngress {
		return
	}
	key := keyOf(kindRoute, "checkout")
	if s.objects[keyOf(kindIngress, "checkout")] == nil {
		delete(s.objects, key)
		return
	}
	rules := []any{}
	base := map[string]any{"backendRefs": []any{backend("checkout", 100)}}
	if a, ok := s.canaryIngress(); ok {
		weight, _ := strconv.ParseInt(a["nginx.ingress.kubernetes.io/canary-weight"], 10, 64)
		base["backendRefs"] = []any{backend("checkout", 100-weight), backend("checkout-canary", weight)}
		if a["nginx.ingress.kubernetes.io/canary-by-header"] != "" {
			rules = append(rules, map[string]any{
				"matches": []any{map[string]any{"headers": []any{}}}, "backendRefs": []any{backend("checkout-canary", 1)},
			})
		}
	}
	route := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": kindRoute, "spec": map[string]any{"rules": append(rules, base)},
	}}
	route.SetNamespace("shop")
	route.SetName("checkout")
	if live := s.objects[key]; live != nil && live.Object["status"] != nil {
		route.Object["status"] = live.Object["status"]
	}
	s.put(route)
	s.put(accepted(s.objects[key]))
}

func backend(service string, weight int64) map[string]any {
	return map[string]any{"name": service, "weight": weight}
}

// canaryIngress returns the annotations of the canary Ingress, and whether there is one.
func (s *store) canaryIngress() (map[string]string, bool) {
	for _, key := range sortedKeys(ofKind(s.objects, kindIngress)) {
		if a := s.objects[key].GetAnnotations(); a["nginx.ingress.kubernetes.io/canary"] == "true" {
			return a, true
		}
	}
	return nil, false
}

// removeCanaryIngress is somebody's who takes it for a leftover.
func (w *world) removeCanaryIngress() {
	w.tale.line(w, "you", "delete the canary Ingress")
	delete(w.store.objects, keyOf(kindIngress, "checkout-canary-nginx"))
	w.store.reflect(kindIngress)
}
