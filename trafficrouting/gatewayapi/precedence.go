package gatewayapi

import (
	"strings"
)

// Precedence of matches whose path is the same: method, most headers, most query parameters, then the
// order in the route (HTTPRouteRule.matches). Matches with other paths are told apart by the path
// before anything that we add counts.

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
func usurped(user []object, rules []composed) (loser, winner int, found bool) {
	byPath := map[string][]object{}
	var paths []string
	copies := false
	for _, r := range rules {
		copies = copies || r.owner != ""
		for _, match := range matchesOf(r.rule) {
			path := pathOf(match)
			if byPath[path] == nil {
				paths = append(paths, path)
			}
			byPath[path] = append(byPath[path], match)
		}
	}
	if !copies {
		return 0, 0, false
	}
	before, after := rankedRules(user), make([]ranked, 0, len(rules))
	for _, r := range rules {
		after = append(after, ranked{matches: matchesOf(r.rule), source: r.source})
	}
	read := map[string]expression{}
	for _, path := range paths {
		matches := byPath[path]
		for i := range matches {
			for j := i; j < len(matches); j++ {
				p, ok := meeting(path, matches[i], matches[j], read)
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

func rankedRules(user []object) []ranked {
	out := make([]ranked, len(user))
	for i, rule := range user {
		out[i] = ranked{matches: matchesOf(rule), source: i}
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

// meeting returns the request that meets just these two matches, and whether there is one.
func meeting(path string, a, b object, read map[string]expression) (point, bool) {
	p := point{path: path, exact: map[string]string{}, regex: map[string]bool{}, read: read}
	for _, match := range []object{a, b} {
		if method, ok := match["method"].(string); ok {
			if p.method != "" && p.method != method {
				return point{}, false
			}
			p.method = method
		}
		for _, field := range []string{"headers", "queryParams"} {
			for _, item := range objects(match[field]) {
				key, value := keyOf(field, item)
				if item["type"] == "RegularExpression" {
					p.regex[key+" "+value] = true
					continue
				}
				if other, ok := p.exact[key]; ok && other != value {
					return point{}, false
				}
				p.exact[key] = value
			}
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
	for _, field := range []string{"headers", "queryParams"} {
		for _, item := range objects(match[field]) {
			key, value := keyOf(field, item)
			exact, known := p.exact[key]
			if item["type"] != "RegularExpression" {
				if !known || exact != value {
					return false
				}
				continue
			}
			if !p.regex[key+" "+value] && (!known || !p.matched(value, exact)) {
				return false
			}
		}
	}
	return true
}

func keyOf(field string, item object) (key, value string) {
	name, _ := item["name"].(string)
	value, _ = item["value"].(string)
	if field == "headers" {
		name = strings.ToLower(name)
	}
	return field + "/" + name, value
}
