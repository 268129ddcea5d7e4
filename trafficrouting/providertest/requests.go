package providertest

import (
	"regexp"
	"slices"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// Request is one request that a client sends.
type Request struct {
	Path    string
	Method  string
	Headers map[string]string // by lower-case name
	Query   map[string]string
	// Labels are those of the caller's pod.
	Labels map[string]string
}

// matches says whether a request fits any of the entries, as v1alpha1.Match documents them. It shares
// no code with the providers.
func (r Request) matches(anyOf []v1alpha1.Match) bool {
	for _, m := range anyOf {
		if r.fits(m) {
			return true
		}
	}
	return false
}

func (r Request) fits(m v1alpha1.Match) bool {
	if m.Method != nil && *m.Method != r.Method {
		return false
	}
	for _, h := range m.Headers {
		if value, ok := r.Headers[strings.ToLower(h.Name)]; !ok || !holds(h, value) {
			return false
		}
	}
	for _, q := range m.QueryParams {
		if value, ok := r.Query[q.Name]; !ok || !holds(q, value) {
			return false
		}
	}
	for key, value := range m.SourceLabels {
		if has, ok := r.Labels[key]; !ok || has != string(value) {
			return false
		}
	}
	return !slices.ContainsFunc(m.Cookies, func(c v1alpha1.ValueMatch) bool { return !r.has(c) })
}

// has says whether a request has a cookie.
func (r Request) has(c v1alpha1.ValueMatch) bool {
	for _, pair := range strings.Split(r.Headers["cookie"], ";") {
		if name, value, ok := strings.Cut(strings.TrimPrefix(pair, " "), "="); ok && name == c.Name && holds(c, value) {
			return true
		}
	}
	return false
}

func holds(want v1alpha1.ValueMatch, value string) bool {
	if want.Exact != nil {
		return value == *want.Exact
	}
	return regexp.MustCompile("^(?:" + *want.Regex + ")$").MatchString(value)
}

// ruleFor returns what a split does with a request.
func ruleFor(s trafficrouting.Split, r Request) trafficrouting.MatchRule {
	for _, rule := range s.Rules {
		if len(rule.AnyOf) == 0 || r.matches(rule.AnyOf) {
			return rule
		}
	}
	return trafficrouting.MatchRule{To: s.Shares}
}
