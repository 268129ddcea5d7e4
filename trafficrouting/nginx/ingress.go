// Package nginx splits requests by canary Ingresses beside the user's, as ingress-nginx has introduced them: a second
// Ingress with the same rules, another Service and annotations that say which requests it gets. The user's own Ingress is
// never written. Others read the same annotations, each in its own way: see flavors.
//
// Semantics are those of ingress-nginx v1.15.1 (internal/ingress/annotations/canary, rootfs/etc/nginx/lua/balancer.lua),
// Traefik v3.7.5 (pkg/provider/kubernetes/ingress-nginx) and Higress of April 2026 (pkg/ingress/kube/annotations/canary.go).
package nginx

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// Kind of the routes.
var Kind = schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}

const defaultPrefix = "nginx.ingress.kubernetes.io"

// Ingress is the trafficrouting.Provider for Ingresses of one flavor.
type Ingress struct {
	flavor
	// prefix of the controller's annotations, with the slash.
	prefix string
}

var _ trafficrouting.Provider = Ingress{}

// For returns the Provider of an Ingress that is named like this. One of no flavor that is known can do nothing.
func For(ref v1alpha1.RouteRef) Ingress {
	prefix := ptr.Deref(ref.AnnotationPrefix, defaultPrefix) + "/"
	return Ingress{flavor: flavors[ptr.Deref(ref.Flavor, "")], prefix: prefix}
}

// Beside are the other Ingresses: those that use the Service too, and the canary's.
func (Ingress) Beside() []schema.GroupKind { return []schema.GroupKind{Kind} }

// Needs is nothing: the flavor says how an Ingress is served.
func (Ingress) Needs(trafficrouting.Objects) []trafficrouting.Reference { return nil }

// Capabilities says what the flavor can do. None tells by a status what is in effect.
func (p Ingress) Capabilities(live trafficrouting.Objects) trafficrouting.Capabilities {
	return trafficrouting.Capabilities{
		Weight: true, HeaderExact: p.unmatched == "", HeaderRegex: p.unmatched == "", Cookie: p.unmatched == "", OnlyCookie: always,
		WeightAndMatch: p.unmatched == "", OneCondition: true, OneOfEach: true, Granularity: p.granularity, Refusal: p.refusal(live),
	}
}

// refusal says why no Release may begin on an Ingress.
func (p Ingress) refusal(live trafficrouting.Objects) string {
	if live.Route != nil && live.Route.GetDeletionTimestamp() != nil {
		return title(live.Route) + " is being deleted; create it again or take it out of spec.routeRefs"
	}
	return p.unusable(live)
}

// unusable says why nothing can be rendered beside an Ingress.
func (p Ingress) unusable(live trafficrouting.Objects) string {
	switch {
	case p.controller == "":
		return "an Ingress of spec.routeRefs has no flavor that Crossfade knows; say IngressNginx, Traefik or Higress"
	case live.Route == nil:
		return "an Ingress of spec.routeRefs does not exist; create it or take it out of spec.routeRefs"
	case live.Route.GroupVersionKind().GroupKind() != Kind:
		return fmt.Sprintf("%s is not an Ingress of group %s; name one", live.Route.GetName(), Kind.Group)
	case p.isCanary(live.Route):
		return title(live.Route) + " is a canary Ingress itself; name the one that it stands beside"
	}
	return ""
}

// Settle is how long the controller's data plane takes to follow.
func (p Ingress) Settle(trafficrouting.Objects) time.Duration { return p.settle }

// Guard lets every update through: in the user's Ingress there is nothing of ours.
func (Ingress) Guard(_, written trafficrouting.Objects) (trafficrouting.Objects, error) {
	return written, nil
}

// Names says whether the Ingress, or one that Crossfade made, sends requests to the Service.
func (Ingress) Names(live trafficrouting.Objects, service string) bool {
	if live.Route != nil && names(live.Route, service) {
		return true
	}
	for _, obj := range live.Beside {
		if obj.GetLabels()[v1alpha1.LabelRollout] != "" && names(obj, service) {
			return true
		}
	}
	return false
}
