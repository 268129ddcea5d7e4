// Package istio splits requests by Istio's VirtualServices. It works on the user's own VirtualService, as gatewayapi does
// on routes: every rule that names the Service's host gets the canary Service's as one more destination, and a copy before
// it for the requests that match. What DestinationRules say of the Service's host is said of the canary's too, by copies
// beside. API semantics are those of Istio 1.31.
package istio

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/policies"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Group of the kind.
const Group = "networking.istio.io"

// Kind of the routes.
var Kind = schema.GroupKind{Group: Group, Kind: "VirtualService"}

// settle is how long proxies may take to follow: istiod waits for 100 ms without another change, and for 10 s at most
// (PILOT_DEBOUNCE_MAX), before it sends one. Its sync state can't take the place of that: it says which answer of istiod a
// proxy has acknowledged, and nothing says which VirtualServices were in that answer.
const settle = 15 * time.Second

// VirtualService is the trafficrouting.Provider for its kind.
type VirtualService struct{ policies.Route }

var _ trafficrouting.Provider = VirtualService{}

// New returns the Provider.
func New() VirtualService {
	return VirtualService{policies.Route{Route: rules.Route{Dialect: dialect{}}, Kinds: []policies.Kind{policies.DestinationRule}}}
}

// Capabilities says what the rules of HTTP and gRPC can do; one without such shares connections.
func (p VirtualService) Capabilities(live trafficrouting.Objects) trafficrouting.Capabilities {
	http := live.Route == nil || slices.ContainsFunc(p.Rules(live.Route), looksInto)
	looks := live.Route == nil || !delegated(live.Route) && slices.ContainsFunc(p.Rules(live.Route), looksInto)
	return trafficrouting.Capabilities{
		Weight: true, HeaderExact: looks, HeaderRegex: looks, Cookie: looks, QueryExact: looks, QueryRegex: looks,
		Method: looks, SourceLabels: looks, WeightAndMatch: looks, RequestHeaders: looks, WeightedHeaders: http, Sticky: looks, Mirror: looks, MirrorPercent: looks, Granularity: 1, Refusal: p.Refusal(live),
	}
}

// looksInto says whether a rule looks into requests.
func looksInto(rule rules.Rule) bool { return lists[rule.List].Matches != "" }

// Settle is the same for each.
func (VirtualService) Settle(trafficrouting.Objects) time.Duration { return settle }

// Render writes the owner's part.
func (p VirtualService) Render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (trafficrouting.Objects, error) {
	if live.Route != nil && delegated(live.Route) && slices.ContainsFunc(splits, func(s trafficrouting.Split) bool { return len(s.Rules) > 0 }) {
		return trafficrouting.Objects{}, fmt.Errorf("split %s: it has no hosts, so that others delegate to it, and Istio leaves out those of its rules whose match is at odds with theirs; take match, mirror and stickiness out", rules.Title(live))
	}
	return p.Route.Render(live, owner, splits)
}

// Check says why the VirtualService cannot carry the splits.
func (p VirtualService) Check(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if reason := p.Route.Check(live, owner, splits); reason != "" {
		return reason
	}
	for _, s := range splits {
		if reason := p.unclear(live, owner, s.Base.Service); reason != "" {
			return rules.Title(live) + ": " + reason
		}
	}
	if _, err := p.Render(live, owner, splits); err != nil {
		return err.Error()
	}
	return ""
}

// Observe says what is in effect. The best that a VirtualService tells is Written: its status says nothing of proxies.
func (p VirtualService) Observe(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) trafficrouting.Observed {
	out, written := p.Compare(live, owner, splits, p.Render)
	out.InEffect = written
	return out
}
