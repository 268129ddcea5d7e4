package gatewayapi

import (
	"fmt"
	"strings"
)

// Precedence of matches whose target is the same: HTTP method, most headers, most query parameters,
// then the order in the route (HTTPRouteRule.matches, GRPCRouteRule.matches). Matches with other targets
// are told apart by these before anything that we add counts.

// point is a kind of request: all that it is known to meet.
type point struct {
	target string
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
func (g grammar) usurped(user []object, rules []composed) (loser, winner int, found bool) {
	byTarget := map[string][]object{}
	var targets []string
	copies := false
	for _, r := range rules {
		copies = copies || r.owner != ""
		for _, match := range g.matchesOf(r.rule) {
			target := targetOf(match)
			if byTarget[target] == nil {
				targets = append(targets, target)
			}
			byTarget[target] = append(byTarget[target], match)
		}
	}
	if !copies {
		return 0, 0, false
	}
	before, after := g.rankedRules(user), make([]ranked, 0, len(rules))
	for _, r := range rules {
		after = append(after, ranked{matches: g.matchesOf(r.rule), source: r.source})
	}
	read := map[string]expression{}
	for _, target := range targets {
		matches := byTarget[target]
		for i := range matches {
			for j := i; j < len(matches); j++ {
				p, ok := meeting(target, matches[i], matches[j], read)
				if !ok {
					continue
				}
				was, is := first(before, p), first(after, p)
				if was >= 0 && was != is {
					return was, is, true
				}
			}
		}
	}
	return 0, 0, false
}

// ranked is a rule in a contest for requests.
type ranked struct {
	matches []object
	source  int
}

func (g grammar) rankedRules(user []object) []ranked {
	out := make([]ranked, len(user))
	for i, rule := range user {
		out[i] = ranked{matches: g.matchesOf(rule), source: i}
	}
	return out
}

// first returns the source of the rule that takes a request; -1 if none does.
func first(rules []ranked, p point) int {
	source, best := -1, [3]int{-1}
	for _, r := range rules {
		for _, match := range r.matches {
			if rank := rankOf(match); p.meets(match) && above(rank, best) {
				source, best = r.source, rank
			}
		}
	}
	return source
}

func rankOf(match object) [3]int {
	method := 0
	if match["method"] != nil {
		method = 1
	}
	return [3]int{method, len(objects(match["headers"])), len(objects(match["queryParams"]))}
}

func above(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

// targetOf tells what of a match comes before all conditions: its path, or how many characters of a call's service
// and method it names.
func targetOf(match object) string {
	if call, ok := match["method"].(object); ok {
		service, _ := call["service"].(string)
		method, _ := call["method"].(string)
		return fmt.Sprintf("call %d %d", len(service), len(method))
	}
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

// meeting returns the request that meets just these two matches, and whether there is one.
func meeting(target string, a, b object, read map[string]expression) (point, bool) {
	p := point{target: target, exact: map[string]string{}, regex: map[string]bool{}, read: read}
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
	if targetOf(match) != p.target {
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
		if value, ok := call[part].(string); ok && value != "" {
			out = append(out, term{"call/" + part, value, call["type"] == "RegularExpression"})
		}
	}
	return out
}
