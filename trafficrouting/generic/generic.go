// Package generic splits requests by kinds of route that Crossfade has no code for: a RouteKind describes where rules,
// backends, weights and matches stand, in fields and in CEL. It works on the user's own route, as gatewayapi and istio do.
// Headers are not described: these stay as the user wrote them.
package generic

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/policies"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// Bounds of what is added, as descriptions name none of rules and backends.
const (
	maxWeight = 1_000_000
	maxRules  = 256
)

// unsaidSettle is for descriptions that don't say how long a data plane takes.
const unsaidSettle = 15 * time.Second

// Route is the trafficrouting.Provider for one kind that is described.
type Route struct {
	policies.Route

	refuses, accepted *program
	settle            time.Duration
}

var _ trafficrouting.Provider = Route{}

// NameOf returns the name of the RouteKind that describes a kind.
func NameOf(kind schema.GroupKind) string { return strings.ToLower(kind.Kind) + "." + kind.Group }

// New returns the Provider that a description makes. It fails with a sentence that names the field and the mend.
func New(spec v1alpha1.RouteKindSpec) (Route, error) {
	c := compiler{}
	d := dialect{
		format:    formatOf(spec),
		nameField: spec.Backends.NameField,
		service:   c.program("spec.backends.service", spec.Backends.Service, gives[string], "backend", "routeNamespace"),
		renamed:   c.program("spec.backends.renamed", spec.Backends.Renamed, gives[string], "backend", "service"),
	}
	if m := spec.Mirror; m != nil && (m.FlagField != "" || m.Object != nil) { // neither is what the schema refuses
		d.mirror = m
	}
	if m := spec.Match; m != nil {
		d.by = m.By
		joins := []string{"rule", "match", "method", "headers", "queryParams"}
		d.joined = c.program("spec.match.joined", m.Joined, nil, joins...)
		d.excludes = c.program("spec.match.excludes", m.Excludes, gives[bool], joins...)
		d.refuses = c.program("spec.match.refuses", m.Refuses, gives[string], joins...)
		if m.Specificity != nil {
			d.path = c.program("spec.match.specificity.path", m.Specificity.Path, gives[string], "rule")
			d.conditions = c.program("spec.match.specificity.conditions", m.Specificity.Conditions, gives[[]any], "rule")
		}
		if m.Priority != nil {
			d.priorityField = m.Priority.Field
			d.priority = c.program("spec.match.priority.default", m.Priority.Default, gives[int64], "rule")
		}
	}
	p := Route{
		Route:    policies.Route{Route: rules.Route{Dialect: d}},
		refuses:  c.program("spec.refuses", spec.Refuses, gives[string], "route"),
		accepted: c.program("spec.accepted", spec.Accepted, gives[string], "route"),
		settle:   unsaidSettle,
	}
	if spec.Settle != nil {
		p.settle = spec.Settle.Duration.Duration
	}
	return p, c.failed
}

func formatOf(spec v1alpha1.RouteKindSpec) rules.Format {
	list := rules.List{Field: spec.Rules.Field, Single: spec.Rules.Single, Refs: spec.Backends.Field}
	if spec.Match != nil {
		list.Match = spec.Match.Field
	}
	flag := ""
	if spec.Mirror != nil {
		flag = spec.Mirror.FlagField
	}
	return rules.Format{
		GroupKind: schema.GroupKind{Group: spec.Group, Kind: spec.Kind}, Lists: []rules.List{list}, Nameless: true,
		Weight: cmp.Or(spec.Backends.Weight.Field, "weight"), NoneIsNothing: spec.Backends.Weight.Absent == v1alpha1.AbsentNothing,
		MustServe:    spec.Backends.MustServe,
		MirrorFlag:   flag,
		LoneTakesAll: spec.Backends.Weight.LoneTakesAll,
		MaxWeight:    int64(cmp.Or(spec.Backends.Weight.Max, maxWeight)), MaxRefs: math.MaxInt32, MaxRules: maxRules,
	}
}

// Capabilities says what the description does.
func (p Route) Capabilities(live trafficrouting.Objects) trafficrouting.Capabilities {
	d := p.Dialect.(dialect)
	refusal := p.Refusal(live)
	if refusal == "" {
		refusal = p.unable(live)
	}
	return trafficrouting.Capabilities{
		Weight: true, HeaderExact: d.tells(v1alpha1.ByHeader), HeaderRegex: d.tells(v1alpha1.ByHeaderRegex), Cookie: d.tells(v1alpha1.ByCookie),
		QueryExact: d.tells(v1alpha1.ByQueryParam), QueryRegex: d.tells(v1alpha1.ByQueryParamRegex), Method: d.tells(v1alpha1.ByMethod),
		Mirror: d.mirror != nil, MirrorPercent: d.mirror != nil,
		WeightAndMatch: len(d.by) > 0, Granularity: 1, Refusal: refusal,
	}
}

// unable says why a route cannot be split, by the description's word or because that cannot be read from it.
func (p Route) unable(live trafficrouting.Objects) string {
	if live.Route == nil {
		return ""
	}
	reason, err := p.refuses.text(map[string]any{"route": live.Route.Object})
	if err == nil {
		err = p.Dialect.(dialect).unreadable(p.Rules(live.Route), live.Route.GetNamespace())
	}
	switch {
	case err != nil:
		return fmt.Sprintf("%s is not as RouteKind %s describes it: %v; correct the one or the other", rules.Title(live), NameOf(p.Format().GroupKind), err)
	case reason != "":
		return rules.Title(live) + ": " + reason
	}
	return ""
}

// Check says why the route cannot carry the splits.
func (p Route) Check(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if reason := p.Refusal(live); reason != "" {
		return reason
	}
	if reason := p.unable(live); reason != "" {
		return reason
	}
	if reason := p.Route.Check(live, owner, splits); reason != "" {
		return reason
	}
	if _, err := p.Render(live, owner, splits); err != nil {
		return err.Error()
	}
	return ""
}

// Render writes the owner's part. A route that has become one that cannot be split can still be led back.
func (p Route) Render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (trafficrouting.Objects, error) {
	if reason := p.unable(live); reason != "" && !trafficrouting.Neutral(splits) {
		return trafficrouting.Objects{}, fmt.Errorf("split %s", reason)
	}
	out, err := p.Route.Render(live, owner, splits)
	if err != nil {
		return trafficrouting.Objects{}, err
	}
	return p.withObjects(out, owner)
}

// Settle is the description's.
func (p Route) Settle(trafficrouting.Objects) time.Duration { return p.settle }

// Observe says what is in effect: the best is Accepted where the description says how a controller tells, else Written.
func (p Route) Observe(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) trafficrouting.Observed {
	out, written := p.Compare(live, owner, splits, p.Render)
	if !written || p.accepted == nil {
		out.InEffect = written
		return out
	}
	lacking, err := p.accepted.text(map[string]any{"route": live.Route.Object})
	switch {
	case err != nil:
		out.Message = fmt.Sprintf("%s does not tell whether it is accepted: %v", rules.Title(live), err)
	case lacking != "":
		out.Message = rules.Title(live) + ": " + lacking
	default:
		out.Evidence, out.InEffect = trafficrouting.EvidenceAccepted, true
	}
	return out
}
