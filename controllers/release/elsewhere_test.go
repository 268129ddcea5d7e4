package release_test

import (
	"strings"

	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// elsewhere has the route in another namespace than the Rollout, its Service and its policy.
var elsewhere = options{
	services: []string{"checkout"}, tls: true,
	route: strings.NewReplacer("namespace: shop", "namespace: edge", "kind: Service, name", "kind: Service, namespace: shop, name").Replace(routeYAML),
	change: func(p *v1alpha1.RolloutSpec) {
		p.RouteRefs[0].Namespace = ptr.To("edge")
	},
}

func probedElsewhere() options {
	o := elsewhere
	o.steps, o.deadline = probing().steps, probing().deadline
	o.change = func(p *v1alpha1.RolloutSpec) {
		elsewhere.change(p)
		plainAndInsider(p)
	}
	return o
}

// storiesElsewhere are those of a policy beside the Service, told in the same way.
var storiesElsewhere = map[string]story{
	"elsewhere-promote": {"By a route of another namespace. " + stories["policy-promote"].title, elsewhere, stories["policy-promote"].play},
	"elsewhere-abort":   {"By a route of another namespace. " + stories["policy-abort"].title, elsewhere, stories["policy-abort"].play},
	"elsewhere-probes":  {"By a route of another namespace, with probes that never pass.", probedElsewhere(), storiesOfProbes["probe-never-passes"].play},
	"elsewhere-gone": {"A route of another namespace is deleted at half.", elsewhere, func(w *world) {
		begin(w)
		w.at("half")
		w.remove(kindRoute, "checkout")
		w.end(v1alpha1.OutcomeFailed)
	}},
}
