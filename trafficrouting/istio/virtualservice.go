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
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Group of the kinds here.
const Group = "networking.istio.io"

// Kinds of object that are read and written.
var (
	Kind            = schema.GroupKind{Group: Group, Kind: "VirtualService"}
	destinationRule = schema.GroupKind{Group: Group, Kind: "DestinationRule"}
)

// settle is how long proxies may take to follow: istiod waits for 100 ms without another change, and for 10 s at most
// (PILOT_DEBOUNCE_MAX), before it sends one.
const settle = 15 * time.Second

// VirtualService is the trafficrouting.Provider for its kind.
type VirtualService struct{ rules.Route }

var _ trafficrouting.Provider = VirtualService{}

// New returns the Provider.
func New() VirtualService { return VirtualService{rules.Route{Dialect: dialect{}}} }

// Beside are the DestinationRules.
func (VirtualService) Beside() []schema.GroupKind { return []schema.GroupKind{destinationRule} }

// Capabilities says what the rules of HTTP and gRPC can do; one without such shares connections.
func (p VirtualService) Capabilities(live trafficrouting.Objects) trafficrouting.Capabilities {
	looks := live.Route == nil || !delegated(live.Route) && slices.ContainsFunc(p.Rules(live.Route), looksInto)
	return trafficrouting.Capabilities{
		Weight: true, HeaderExact: looks, HeaderRegex: looks, Cookie: looks, QueryExact: looks, QueryRegex: looks,
		Method: looks, WeightAndMatch: looks, Granularity: 1, Refusal: p.Refusal(live),
	}
}

// looksInto says whether a rule looks into requests.
func looksInto(rule rules.Rule) bool { return lists[rule.List].Matches != "" }

// Settle is the same for each.
func (VirtualService) Settle(trafficrouting.Objects) time.Duration { return settle }

// Render writes the owner's part, and the copies of DestinationRules before anything is sent to the canary Service. They
// are there for as long as the canary Service is a destination, if only of nothing.
func (p VirtualService) Render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (trafficrouting.Objects, error) {
	if len(splits) == 0 {
		return p.Strip(live, owner)
	}
	if live.Route != nil && delegated(live.Route) && slices.ContainsFunc(splits, func(s trafficrouting.Split) bool { return len(s.Rules) > 0 }) {
		return trafficrouting.Objects{}, fmt.Errorf("split %s: it has no hosts, so that others delegate to it, and Istio leaves out those of its rules whose match is at odds with theirs; take match out of the step", rules.Title(live))
	}
	out, err := p.Route.Render(live, owner, splits)
	if err != nil {
		return trafficrouting.Objects{}, err
	}
	out.Beside = others(live, owner)
	for _, s := range splits {
		for _, share := range s.Shares {
			if share.Backend == s.Base {
				continue
			}
			copies, err := policies(live, owner, trafficrouting.Neutral(splits), s.Base.Service, share.Backend.Service)
			if err != nil {
				return trafficrouting.Objects{}, fmt.Errorf("split %s: %w", rules.Title(live), err)
			}
			out.Beside = append(out.Beside, copies...)
		}
	}
	return out, nil
}

// Strip takes the owner's part out, and the copies of DestinationRules away.
func (p VirtualService) Strip(live trafficrouting.Objects, owner trafficrouting.Owner) (trafficrouting.Objects, error) {
	out, err := p.Route.Strip(live, owner)
	if err != nil {
		return trafficrouting.Objects{}, err
	}
	out.Beside = others(live, owner)
	return out, nil
}

// Check says why the VirtualService cannot carry the splits.
func (p VirtualService) Check(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if reason := p.Route.Check(trafficrouting.Objects{Route: live.Route}, owner, splits); reason != "" {
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
	var out trafficrouting.Observed
	if live.Route == nil {
		out.Message = p.Refusal(live)
		if left := others(live, owner); len(left) < len(live.Beside) {
			out.Drifted, out.Rendered = true, &trafficrouting.Objects{Beside: left}
		}
		return out
	}
	out.CanaryPPM = p.CanaryPPM(live.Route, owner, splits)
	want, err := p.Render(live, owner, splits)
	if err != nil {
		out.Drifted, out.Message = true, err.Error()
		return out
	}
	if changes := live.Changes(want); len(changes) > 0 {
		obj := changes[0].Live
		if obj == nil {
			obj = changes[0].Want
		}
		out.Drifted, out.Rendered = true, &want
		out.Message = fmt.Sprintf("%s %s/%s is not as Crossfade would write it", obj.GetKind(), obj.GetNamespace(), obj.GetName())
		return out
	}
	out.Evidence, out.InEffect = trafficrouting.EvidenceWritten, true
	return out
}
