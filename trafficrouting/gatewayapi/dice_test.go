package gatewayapi_test

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

type dice struct{ providertest.Dice }

// route makes up a user's route.
func (d *dice) route(kind string) *unstructured.Unstructured {
	spec := map[string]any{}
	rules := make([]any, 1+d.Roll(4))
	if can := kinds[kind].Capabilities(trafficrouting.Objects{}); !can.HeaderExact {
		rules = rules[:1] // all that there can be
	}
	if kind == "TLSRoute" {
		spec["hostnames"] = []any{"shop.example.com"}
	}
	for i := range rules {
		rules[i] = d.rule(kind, i)
	}
	spec["rules"] = rules
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind,
		"metadata": map[string]any{"name": "shop", "namespace": "shop"},
		"spec":     spec,
	}}
}

func (d *dice) rule(kind string, i int) map[string]any {
	rule := map[string]any{}
	refs := make([]any, d.Roll(4))
	for j := range refs {
		ref := map[string]any{"name": providertest.Choose(d, "checkout", "checkout", "cart", "legacy"), "port": providertest.Choose[int64](d, 80, 81)}
		switch d.Roll(12) {
		case 0:
			ref["namespace"] = "far"
		case 1:
			ref["namespace"] = "shop"
		case 2:
			ref["kind"], ref["group"] = "Bucket", "example.com"
		case 3:
			ref["filters"] = []any{map[string]any{"type": "RequestHeaderModifier", "requestHeaderModifier": map[string]any{"remove": []any{"x"}}}}
		}
		if w := providertest.Choose[int64](d, -1, -1, 0, 1, 3, 50, 70, 100, 9999); w >= 0 {
			ref["weight"] = w
		}
		refs[j] = ref
	}
	if len(refs) > 0 {
		rule["backendRefs"] = refs
	}
	var matches []any
	switch kind {
	case "HTTPRoute":
		matches = d.matches()
	case "GRPCRoute":
		matches = d.calls()
	}
	if len(matches) > 0 {
		rule["matches"] = matches
	}
	switch d.Roll(8) {
	case 0:
		rule["name"] = fmt.Sprintf("rule-%d", i)
	case 1:
		rule["timeouts"] = map[string]any{"request": "5s"}
	case 2:
		rule["futureField"] = map[string]any{"a": []any{"b", nil}}
	case 3:
		rule["filters"] = []any{map[string]any{"type": "URLRewrite", "urlRewrite": map[string]any{"path": map[string]any{"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}}
	}
	return rule
}

func (d *dice) matches() []any {
	var out []any
	for range d.Roll(3) {
		match := map[string]any{}
		switch d.Roll(4) {
		case 1:
			match["path"] = map[string]any{"type": "PathPrefix", "value": "/a"}
		case 2:
			match["path"] = map[string]any{"type": "Exact", "value": "/a"}
		case 3:
			match["path"] = map[string]any{"value": "/"}
		}
		if d.Roll(4) == 1 {
			match["method"] = providertest.Choose(d, "GET", "POST")
		}
		if d.Roll(3) == 1 {
			match["headers"] = d.conditions("x-a", "X-Canary", "cookie")
		}
		if d.Roll(4) == 1 {
			match["queryParams"] = d.conditions("v", "w")
		}
		out = append(out, match)
	}
	return out
}

// calls makes up matches of a GRPCRoute.
func (d *dice) calls() []any {
	var out []any
	for range d.Roll(3) {
		match := map[string]any{}
		switch d.Roll(5) {
		case 1:
			match["method"] = map[string]any{"type": "Exact", "service": "shop.Cart", "method": "Get"}
		case 2:
			match["method"] = map[string]any{"service": providertest.Choose(d, "shop.Cart", "shop.Till")}
		case 3:
			match["method"] = map[string]any{"method": "Get"}
		case 4:
			match["method"] = map[string]any{"type": "RegularExpression", "service": "shop[.].*"}
		}
		if d.Roll(3) == 1 {
			match["headers"] = d.conditions("x-a", "X-Canary", "cookie")
		}
		out = append(out, match)
	}
	return out
}

func (d *dice) conditions(names ...string) []any {
	var out []any
	for _, name := range names {
		switch d.Roll(4) {
		case 1:
			out = append(out, map[string]any{"name": name, "value": providertest.Choose(d, "yes", "no")})
		case 2:
			out = append(out, map[string]any{"name": name, "value": "y.*", "type": "RegularExpression"})
		}
	}
	return out
}

// split makes up a split.
func (d *dice) split(service string) trafficrouting.Split {
	s := trafficrouting.Between(service, providertest.Choose[int32](d, 0, 100_000, 5_000, 333_333, 500_000, 1_000_000, 1))
	for range d.Roll(3) {
		rule := trafficrouting.MatchRule{To: providertest.Choose(d, trafficrouting.AllCanary(service), trafficrouting.AllStable(service), trafficrouting.Between(service, 200_000)).Shares}
		for range 1 + d.Roll(2) {
			rule.AnyOf = append(rule.AnyOf, d.match())
		}
		if d.Roll(4) == 3 {
			rule.AnyOf = nil
		}
		s.Rules = append(s.Rules, d.Altering(rule))
	}
	return s
}

func (d *dice) match() v1alpha1.Match {
	value := func(name string) []v1alpha1.ValueMatch {
		if d.Roll(2) == 0 {
			return []v1alpha1.ValueMatch{{Name: name, Exact: ptr.To(providertest.Choose(d, "yes", "no"))}}
		}
		return []v1alpha1.ValueMatch{{Name: name, Regex: ptr.To(providertest.Choose(d, "y.*", "yes|no"))}}
	}
	m := v1alpha1.Match{}
	switch d.Roll(5) {
	case 0:
		m.Headers = value("x-canary")
	case 1:
		m.Cookies = value("group")
	case 2:
		m.QueryParams = value("v")
	case 3:
		m.Method = ptr.To(providertest.Choose(d, "GET", "POST"))
	case 4:
		m.Headers, m.Method = append(value("x-canary"), value("X-A")...), ptr.To("POST")
	}
	return m
}

func sample(kind string) []providertest.Request {
	paths := []string{"/", "/a", "/a/b"}
	if kind == "GRPCRoute" {
		paths = []string{"/shop.Cart/Get", "/shop.Cart/Put", "/shop.Till/Get"}
	}
	var out []providertest.Request
	for i, headers := range []map[string]string{
		nil, {"x-canary": "yes"}, {"x-canary": "no", "x-a": "yes"}, {"cookie": "group=yes"}, {"x-canary": "yes", "x-a": "yes", "cookie": "a; group=yep; b"}, {"x-a": "no"},
	} {
		for j, path := range paths {
			out = append(out, providertest.Request{
				Path: path, Method: []string{"GET", "POST"}[(i+j)%2], Headers: headers, Query: []map[string]string{nil, {"v": "yes"}, {"v": "no", "w": "yes"}}[(i+2*j)%3],
			})
		}
	}
	return out
}

// edit changes a route as people and tools do.
func (d *dice) edit(route *unstructured.Unstructured) {
	rules := rulesOf(route)
	if len(rules) == 0 {
		return
	}
	at := d.Roll(len(rules))
	rule := rules[at].(map[string]any)
	refs, _ := rule["backendRefs"].([]any)
	var next []any
	switch d.Roll(8) {
	case 0: // move a rule to the front
		next = append(append([]any{rule}, rules[:at]...), rules[at+1:]...)
	case 1: // delete a rule
		next = append(append([]any{}, rules[:at]...), rules[at+1:]...)
	case 2: // copy a rule
		next = append(append([]any{}, rules...), (&unstructured.Unstructured{Object: rule}).DeepCopy().Object)
	case 3: // lose the names, as an old client does
		for _, r := range rules {
			delete(r.(map[string]any), "name")
		}
	case 4: // a new rule
		next = append([]any{d.rule(route.GetKind(), 99)}, rules...)
	case 5: // a weight
		if len(refs) > 0 {
			refs[d.Roll(len(refs))].(map[string]any)["weight"] = providertest.Choose[int64](d, 0, 1, 5, 100)
		}
	case 6: // delete a backend
		if len(refs) > 1 {
			i := d.Roll(len(refs))
			rule["backendRefs"] = append(append([]any{}, refs[:i]...), refs[i+1:]...)
		}
	case 7: // lose an annotation
		annotations := route.GetAnnotations()
		delete(annotations, providertest.Choose(d, "split.crossfade.io/cart-rollout", "split.crossfade.io/checkout", "crossfade.io/base"))
		route.SetAnnotations(annotations)
	}
	if next != nil {
		route.Object["spec"].(map[string]any)["rules"] = next
	}
}
