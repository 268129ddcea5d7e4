package release_test

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
)

const namedRouteYAML = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: checkout, namespace: shop}
spec:
  parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: web}]
  rules:
  - name: api
    matches: [{path: {type: PathPrefix, value: /api}}]
    backendRefs: [{group: "", kind: Service, name: checkout, port: 80, weight: 1}]
  - name: web
    matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{group: "", kind: Service, name: checkout, port: 80, weight: 1}]
`

// named releases by one rule of the route's two.
var named = options{
	services: []string{"checkout"}, route: namedRouteYAML,
	change: func(p *v1alpha1.RolloutSpec) { p.RouteRefs[0].Rules = []string{"api"} },
}

// unname takes the name off the rule by which the route is split, where no guard is.
func (w *world) unname() {
	w.tale.line(w, "you", "take the name off rule api")
	nameless := func(route *unstructured.Unstructured) *unstructured.Unstructured {
		out := route.DeepCopy()
		for _, rule := range out.Object["spec"].(map[string]any)["rules"].([]any) {
			if rule := rule.(map[string]any); rule["name"] == "api" {
				delete(rule, "name")
			}
		}
		return out
	}
	live, wished := w.store.get(kindRoute, "checkout"), w.user.objects[keyOf(kindRoute, "checkout")]
	w.wish(nameless(wished))
	w.store.put(nameless(live))
}

var storiesOfNames = map[string]story{
	"named-promote": {"By one rule of the route, as planned.", named, func(w *world) {
		begin(w)
		w.at("half")
		w.approve("half")
		w.end(v1alpha1.OutcomePromoted)
	}},
	"named-abort": {"By one rule of the route, and back.", named, func(w *world) {
		begin(w)
		w.at("half")
		w.abort()
		w.end(v1alpha1.OutcomeAborted)
	}},
	"named-lost": {"The rule by which the route is split loses its name at half.", named, func(w *world) {
		begin(w)
		w.at("half")
		w.unname()
		w.end(v1alpha1.OutcomeFailed)
	}},
	"named-lost-past-no-return": {"The rule by which the route is split loses its name when the old pods have gone.", named, func(w *world) {
		begin(w)
		w.at("half")
		w.approve("half")
		w.stage(v1alpha1.StageReturning)
		w.unname()
		w.end(v1alpha1.OutcomePromoted)
	}},
}
