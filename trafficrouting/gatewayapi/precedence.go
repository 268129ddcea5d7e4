package gatewayapi

import (
	"slices"
	"strings"
)

// Precedence of matches whose path is the same: HTTP method, most headers, most query parameters, then the
// order in the route (HTTPRouteRule.matches). Matches with other paths are told apart by the path before
// anything that we add counts. Of calls, characters of the service, of the method, most headers, then the
// order (GRPCRouteRule.matches); but there are gateways that count what we add first: Traefik takes the
// longest rule, as text.

// point is a kind of request: all that it is known to meet.
type point struct {
	path   string
	method string
	exact  map[string]string // by field and name
	regex  map[string]bool   // by field, name and expression
	// read holds the expressions that were compiled already.
	read map[string]expression
}

func (p point) matched(expr, value string) bool {
	e, ok := p.read[expr]
	if !ok {
		e = expressionOf(expr)
		p.read[expr] = e
	}
	return e.matched(value)
}

// usurped finds a request that one of the user's rules takes and that would go to the copy of another
// one, as a copy has more conditions than its original. It tries every request that meets just two of
// the written matches. The rules are given by their indexes.
func (c composer) usurped(user []object, rules []composed) (loser, winner int, found bool) {
	if !slices.ContainsFunc(rules, func(r composed) bool { return r.owner != "" }) {
		return 0, 0, false
	}
	before, after := c.rankedRules(user), make([]ranked, 0, len(rules))
	for _, r := range rules {
		after = append(after, ranked{matches: c.matchesOf(r.rule), source: r.source, copied: r.owner != ""})
	}
	read := map[string]expression{}
	for _, matches := range byPath(after) {
		for i := range matches {
			for j := i; j < len(matches); j++ {
				p, ok := meeting(matches[i], matches[j], read)
				was := first(before, p, false)
				if !ok || was < 0 {
					continue
				}
				if is := first(after, p, false); was != is {
					return was, is, true
				}
				if is := first(after, p, true); c.calls && was != is && !c.shielded[was] {
					return was, is, true
				}
			}
		}
	}
	return 0, 0, false
}

// byPath groups the matches of rules, in their order.
func byPath(rules []ranked) [][]object {
	at := map[string]int{}
	var groups [][]object
	for _, r := range rules {
		for _, match := range r.matches {
			path := pathOf(match)
			if _, ok := at[path]; !ok {
				at[path] = len(groups)
				groups = append(groups, nil)
			}
			groups[at[path]] = append(groups[at[path]], match)
		}
	}
	return groups
}

// ranked is a rule in a contest for requests.
type ranked struct {
	matches []object
	source  int
	// copied: it is one of our copies.
	copied bool
}

func (g grammar) rankedRules(user []object) []ranked {
	out := make([]ranked, len(user))
	for i, rule := range user {
		out[i] = ranked{matches: g.matchesOf(rule), source: i}
	}
	return out
}

// first returns the source of the rule that takes a request; -1 if none does. copiesFirst has every copy
// come before all that is the user's.
func first(rules []ranked, p point, copiesFirst bool) int {
	source, best := -1, [5]int{-1}
	for _, r := range rules {
		for _, match := range r.matches {
			rank := rankOf(match)
			if r.copied && copiesFirst {
				rank[0] = 1
			}
			if p.meets(match) && above(rank, best) {
				source, best = r.source, rank
			}
		}
	}
	return source
}

// rankOf leaves the first place to others.
func rankOf(match object) [5]int {
	service, method := 0, 0
	switch named := match["method"].(type) {
	case string:
		method = 1
	case object:
		service, method = len(text(named, "service")), len(text(named, "method"))
	}
	return [5]int{0, service, method, len(objects(match["headers"])), len(objects(match["queryParams"]))}
}

func text(o object, field string) string {
	value, _ := o[field].(string)
	return value
}

func above(a, b [5]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

func pathOf(match object) string {
	path, _ := match["path"].(object)
	kind, ok := path["type"].(string)
	if !ok {
		kind = "PathPrefix"
	}
	value, ok := path["value"].(string)
	if !ok {
		value = "/"
	}
	return kind + " " + value
}

// meeting returns the request that meets just these two matches of one path, and whether there is one.
func meeting(a, b object, read map[string]expression) (point, bool) {
	p := point{path: pathOf(a), exact: map[string]string{}, regex: map[string]bool{}, read: read}
	for _, match := range []object{a, b} {
		if method, ok := match["method"].(string); ok {
			if p.method != "" && p.method != method {
				return point{}, false
			}
			p.method = method
		}
		for _, t := range termsOf(match) {
			if t.regex {
				p.regex[t.key+" "+t.value] = true
				continue
			}
			if other, ok := p.exact[t.key]; ok && other != t.value {
				return point{}, false
			}
			p.exact[t.key] = t.value
		}
	}
	return p, p.consistent()
}

// consistent says whether every value meets the expressions on the same name.
func (p point) consistent() bool {
	for expression := range p.regex {
		key, expr, _ := strings.Cut(expression, " ")
		if value, ok := p.exact[key]; ok {
			if !p.matched(expr, value) {
				return false
			}
		}
	}
	return true
}

// meets says whether the request meets a match.
func (p point) meets(match object) bool {
	if method, ok := match["method"].(string); ok && method != p.method {
		return false
	}
	if pathOf(match) != p.path {
		return false
	}
	for _, t := range termsOf(match) {
		exact, known := p.exact[t.key]
		switch {
		case !t.regex && (!known || exact != t.value):
			return false
		case t.regex && !p.regex[t.key+" "+t.value] && (!known || !p.matched(t.value, exact)):
			return false
		}
	}
	return true
}

// term is one thing that a match asks of a request by its value.
type term struct {
	key, value string
	regex      bool
}

// termsOf returns what a match asks of headers, of query parameters, and of a call's service and method.
func termsOf(match object) []term {
	var out []term
	for _, field := range []string{"headers", "queryParams"} {
		for _, item := range objects(match[field]) {
			name, _ := item["name"].(string)
			value, _ := item["value"].(string)
			if field == "headers" {
				name = strings.ToLower(name)
			}
			out = append(out, term{field + "/" + name, value, item["type"] == "RegularExpression"})
		}
	}
	call, _ := match["method"].(object)
	for _, part := range []string{"service", "method"} {
		if value := text(call, part); value != "" {
			out = append(out, term{"call/" + part, value, call["type"] == "RegularExpression"})
		}
	}
	return out
}
