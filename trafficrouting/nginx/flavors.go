package nginx

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// flavor is what a controller makes of the annotations.
type flavor struct {
	// controller for messages.
	controller string
	// granularity of weights, in parts per million.
	granularity int32
	settle      time.Duration
	// apart: each match, and the weight, needs a canary Ingress of its own, as one with a match has no weight.
	apart bool
	// longest: the rule with the longest text wins, so that a match may take requests from other rules.
	longest bool
	// forgets are annotations of the user's Ingress, without prefix, by which requests are told apart and which a match
	// would be put in the place of.
	forgets *regexp.Regexp
	// copies are annotations of the user's Ingress, without prefix, that the canary's needs as well.
	copies *regexp.Regexp
	// header returns the annotations, without prefix, by which a header is matched.
	header func(v1alpha1.ValueMatch) (map[string]string, error)
	// cookie refuses names that a cookie cannot be matched by.
	cookie func(name string) error
}

var flavors = map[v1alpha1.Flavor]flavor{
	// Weights, session affinity and load balancing belong to the upstream, all else to the location of the user's Ingress.
	v1alpha1.FlavorIngressNginx: {
		controller: "ingress-nginx", granularity: 1, settle: 5 * time.Second,
		copies: regexp.MustCompile(`^(load-balance|upstream-hash-by.*|affinity.*|session-cookie-.*)$`),
		header: nginxHeader, cookie: admits(`^[-._~a-zA-Z0-9/:]*$`),
	},
	// All but the canary's own annotations are read from the user's Ingress.
	v1alpha1.FlavorTraefik: {
		controller: "Traefik", granularity: 1, settle: 5 * time.Second, longest: true,
		header: traefikHeader, cookie: func(string) error { return nil },
	},
	// A canary Ingress is found by its path and the annotations that tell requests apart, and has its own policies; of a
	// weight the whole percent counts. Cookie and pattern are put into a regular expression as they are.
	v1alpha1.FlavorHigress: {
		controller: "Higress", granularity: 10_000, settle: 15 * time.Second, apart: true,
		forgets: regexp.MustCompile(`^(exact|prefix|regex)-match-header-`), copies: regexp.MustCompile(`.`),
		header: higressHeader, cookie: admits(`^[-_a-zA-Z0-9]*$`),
	},
}

// always is the one value of a cookie that means the canary.
const always = "always"

// whole anchors an expression, which the controllers look for anywhere in a value.
func whole(expr string) string { return "^(?:" + expr + ")$" }

func byValue(name, value string) map[string]string {
	return map[string]string{"canary-by-header": name, "canary-by-header-value": value}
}

func byPattern(name, pattern string) map[string]string {
	return map[string]string{"canary-by-header": name, "canary-by-header-pattern": pattern}
}

// What ingress-nginx admits in an annotation (internal/ingress/annotations/parser/validators.go), and of the names of
// headers: others it drops from requests (underscores_in_headers, ignore_invalid_headers).
var (
	nginxName    = regexp.MustCompile(`^[-a-zA-Z0-9]+$`)
	nginxValue   = regexp.MustCompile(`^[-._~a-zA-Z0-9/: ]*$`)
	nginxPattern = regexp.MustCompile(`^[-._~a-zA-Z0-9/:^$\[\](){}*+?|&=\\]*$`)
)

func nginxHeader(h v1alpha1.ValueMatch) (map[string]string, error) {
	switch {
	case !nginxName.MatchString(h.Name):
		return nil, fmt.Errorf("match header %s: ingress-nginx drops headers whose name has more than letters, digits and dashes; rename it", h.Name)
	case h.Exact != nil && nginxValue.MatchString(*h.Exact):
		return byValue(h.Name, *h.Exact), nil
	}
	expr := expression(h)
	if !nginxPattern.MatchString(whole(expr)) {
		return nil, fmt.Errorf("match header %s: ingress-nginx admits letters, digits and -._~/:^$[](){}*+?|&=\\ in its expressions; write it without other characters", h.Name)
	}
	return byPattern(h.Name, whole(expr)), nil
}

func traefikHeader(h v1alpha1.ValueMatch) (map[string]string, error) {
	if h.Exact != nil {
		return byValue(h.Name, *h.Exact), nil
	}
	return byPattern(h.Name, whole(*h.Regex)), nil
}

// higressHeader avoids canary-by-header-value, which lets "always" through as well.
func higressHeader(h v1alpha1.ValueMatch) (map[string]string, error) {
	return byPattern(h.Name, whole(expression(h))), nil
}

func expression(v v1alpha1.ValueMatch) string {
	if v.Exact != nil {
		return regexp.QuoteMeta(*v.Exact)
	}
	return *v.Regex
}

func admits(names string) func(string) error {
	admitted := regexp.MustCompile(names)
	return func(name string) error {
		if !admitted.MatchString(name) {
			return fmt.Errorf("match cookie %s: the controller admits names of %s; rename it", name, strings.Trim(names, "^$*"))
		}
		return nil
	}
}
