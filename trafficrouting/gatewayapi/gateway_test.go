package gatewayapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting/providertest"
)

// gateway is a model of a data plane, after the comments of HTTPRouteRule.matches, GRPCRouteRule.matches and
// BackendRef.weight
// in gateway-api v1.6.3. It shares no code with the provider.
type gateway struct {
	// search says that regular expressions are searched for, as Traefik and nginx do, where Envoy
	// matches the whole value.
	search bool
	// longest says that the longest rule wins as text, as Traefik has it of calls.
	longest bool
}

// serve returns where requests like r go.
func (g gateway) serve(route *unstructured.Unstructured, r providertest.Request) providertest.Shares {
	rules, _ := route.Object["spec"].(map[string]any)["rules"].([]any)
	var winner map[string]any
	best := []int{-1}
	for _, rule := range rules {
		rule := rule.(map[string]any)
		matches, _ := rule["matches"].([]any)
		if len(matches) == 0 {
			matches = []any{map[string]any{}}
		}
		for _, match := range matches {
			match := match.(map[string]any)
			rank, ok := g.meets(match, r)
			if g.longest {
				rank = []int{lengthOf(match)}
			}
			if ok && outranks(rank, best) {
				winner, best = rule, rank
			}
		}
	}
	if winner == nil {
		return nil
	}
	return sharesOf(winner, r)
}

// serveAlike returns where requests go, and fails to name a backend where gateways differ.
func serveAlike(route *unstructured.Unstructured, r providertest.Request) providertest.Shares {
	return serveAs(route, r, gateway{search: true})
}

// serveCallsAlike does so of calls, by gateways that count other things first too.
func serveCallsAlike(route *unstructured.Unstructured, r providertest.Request) providertest.Shares {
	return serveAs(route, r, gateway{search: true}, gateway{search: true, longest: true})
}

func serveAs(route *unstructured.Unstructured, r providertest.Request, others ...gateway) providertest.Shares {
	whole := gateway{}.serve(route, r)
	for _, other := range others {
		if served := other.serve(route, r); fmt.Sprint(whole) != fmt.Sprint(served) {
			return providertest.Shares{fmt.Sprintf("gateways differ: %v and %v", whole, served): big.NewRat(1, 1)}
		}
	}
	return whole
}

// lengthOf is how long a match of calls is as a rule of Traefik's (buildGRPCMatchRule of v3.7.5).
func lengthOf(match map[string]any) int {
	rule := `PathPrefix("/")`
	if call, ok := match["method"].(map[string]any); ok {
		part := func(field string) string {
			value := text(call, field, "")
			switch {
			case value == "":
				return "[^/]+"
			case text(call, "type", "Exact") == "Exact":
				return regexp.QuoteMeta(value)
			}
			return value
		}
		rule = `PathRegexp("/` + part("service") + "/" + part("method") + `")`
	}
	headers, _ := match["headers"].([]any)
	for _, header := range headers {
		header := header.(map[string]any)
		kind := map[string]string{"Exact": "Header", "RegularExpression": "HeaderRegexp"}[text(header, "type", "Exact")]
		rule += " && " + kind + "(`" + text(header, "name", "") + "`,`" + text(header, "value", "") + "`)"
	}
	return len(rule)
}

var expressions sync.Map

func compiled(expr string) *regexp.Regexp {
	if found, ok := expressions.Load(expr); ok {
		return found.(*regexp.Regexp)
	}
	re := regexp.MustCompile(expr)
	expressions.Store(expr, re)
	return re
}

func outranks(a, b []int) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

// meets says whether a request meets a match, and how specific the match is.
func (g gateway) meets(match map[string]any, r providertest.Request) (rank []int, ok bool) {
	kind, value := "PathPrefix", "/"
	if path, ok := match["path"].(map[string]any); ok {
		kind, value = text(path, "type", kind), text(path, "value", value)
	}
	pathRank := []int{0, 0}
	switch kind {
	case "Exact":
		ok, pathRank = r.Path == value, []int{2, 0}
	case "PathPrefix":
		prefix := strings.TrimSuffix(value, "/")
		ok, pathRank = r.Path == prefix || strings.HasPrefix(r.Path, prefix+"/"), []int{1, len(prefix)}
	default:
		ok = compiled("^(?:" + value + ")$").MatchString(r.Path)
	}
	if call, isCall := match["method"].(map[string]any); isCall {
		service, name, _ := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/")
		ok = g.called(call, "service", service) && g.called(call, "method", name)
		pathRank = []int{1 + len(text(call, "service", "")), len(text(call, "method", ""))}
	}
	if !ok {
		return nil, false
	}
	method := 0
	if want := text(match, "method", ""); want != "" {
		if want != r.Method {
			return nil, false
		}
		method = 1
	}
	headers, ok := g.all(match["headers"], r.Headers, strings.ToLower)
	if !ok {
		return nil, false
	}
	query, ok := g.all(match["queryParams"], r.Query, strings.Clone)
	return append(pathRank, method, headers, query), ok
}

// called says whether a call is of the service or method that a match of a GRPCRoute names.
func (g gateway) called(call map[string]any, field, name string) bool {
	want := text(call, field, "")
	switch {
	case want == "":
		return true
	case text(call, "type", "Exact") == "Exact":
		return name == want
	case !g.search:
		want = "^(?:" + want + ")$"
	}
	return compiled(want).MatchString(name)
}

// all says how many conditions there are and whether a request meets them all; of several with one
// name only the first counts.
func (g gateway) all(list any, have map[string]string, fold func(string) string) (int, bool) {
	items, _ := list.([]any)
	seen := map[string]bool{}
	for _, item := range items {
		item := item.(map[string]any)
		name := fold(text(item, "name", ""))
		if seen[name] {
			continue
		}
		seen[name] = true
		value, ok := have[name]
		want := text(item, "value", "")
		if text(item, "type", "Exact") == "RegularExpression" {
			if !g.search {
				want = "^(?:" + want + ")$"
			}
			ok = ok && compiled(want).MatchString(value)
		} else {
			ok = ok && value == want
		}
		if !ok {
			return 0, false
		}
	}
	return len(seen), true
}

// sharesOf returns the part of each backend; the key tells everything else that the request meets on
// its way: the rest of the rule and of the backendRef, and what its headers are then.
func sharesOf(rule map[string]any, r providertest.Request) providertest.Shares {
	refs, _ := rule["backendRefs"].([]any)
	total := int64(0)
	for _, ref := range refs {
		total += weight(ref.(map[string]any))
	}
	rest, arrival := passing(rule, providertest.Arrive(r))
	way := tell(rest, "matches", "name", "backendRefs")
	out := providertest.Shares{}
	for _, filter := range listOf(rule, "filters") {
		if mirror, ok := filter["requestMirror"].(map[string]any); ok {
			to := mirror["backendRef"].(map[string]any)
			out[providertest.CopyKey(text(to, "name", ""), fmt.Sprint(to["port"]))] = percentOf(mirror)
		}
	}
	if total == 0 {
		out["|500 "+way] = big.NewRat(1, 1)
		return out
	}
	for _, ref := range refs {
		ref := ref.(map[string]any)
		service := text(ref, "name", "")
		if text(ref, "kind", "Service") != "Service" || text(ref, "namespace", "shop") != "shop" {
			service = fmt.Sprintf("%v/%v/%v", ref["kind"], ref["namespace"], service)
		}
		ref, arrival := passing(ref, arrival)
		key := service + "|" + tell(ref, "name", "weight") + way + arrival.Key()
		if out[key] == nil {
			out[key] = new(big.Rat)
		}
		out[key].Add(out[key], big.NewRat(weight(ref), total))
	}
	return out
}

// passing returns what is left of a rule or backendRef, and of a request, once its modifiers of headers were applied.
// Mirrors have keys of their own.
func passing(of map[string]any, arrival providertest.Arrival) (map[string]any, providertest.Arrival) {
	var others []any
	for _, filter := range listOf(of, "filters") {
		switch filter["type"] {
		case "RequestHeaderModifier":
			modifier := filter["requestHeaderModifier"].(map[string]any)
			var remove []string
			names, _ := modifier["remove"].([]any)
			for _, name := range names {
				remove = append(remove, name.(string))
			}
			arrival = arrival.Change(valuesOf(modifier, "set"), valuesOf(modifier, "add"), remove)
		case "ResponseHeaderModifier":
			for _, value := range valuesOf(filter["responseHeaderModifier"].(map[string]any), "add") {
				arrival.Cookies = append(arrival.Cookies, value)
			}
		case "RequestMirror":
		default:
			others = append(others, filter)
		}
	}
	rest := maps.Clone(of)
	delete(rest, "filters")
	if len(others) > 0 {
		rest["filters"] = others
	}
	return rest, arrival
}

func valuesOf(modifier map[string]any, field string) map[string]string {
	out := map[string]string{}
	for _, item := range listOf(modifier, field) {
		out[text(item, "name", "")] = text(item, "value", "")
	}
	return out
}

func percentOf(mirror map[string]any) *big.Rat {
	switch percent := mirror["percent"].(type) {
	case int64:
		return big.NewRat(percent, 100)
	case float64:
		return big.NewRat(int64(percent), 100)
	}
	return big.NewRat(1, 1)
}

func listOf(o map[string]any, field string) []map[string]any {
	items, _ := o[field].([]any)
	var out []map[string]any
	for _, item := range items {
		out = append(out, item.(map[string]any))
	}
	return out
}

func weight(ref map[string]any) int64 {
	switch w := ref["weight"].(type) {
	case int64:
		return w
	case float64:
		return int64(w)
	}
	return 1
}

func tell(o map[string]any, less ...string) string {
	rest := maps.Clone(o)
	for _, field := range less {
		delete(rest, field)
	}
	out, _ := json.Marshal(rest)
	return string(out)
}

func text(o map[string]any, field, unset string) string {
	if s, ok := o[field].(string); ok {
		return s
	}
	return unset
}
