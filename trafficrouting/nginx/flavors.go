package nginx

import (
	"fmt"
	"regexp"
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
	// unmatched is why no match may be used; empty where one may.
	unmatched string
	// longest: the rule with the longest text wins, so that a match may take requests from other rules.
	longest bool
	// copies are annotations of the user's Ingress, without prefix, that the canary's needs as well.
	copies *regexp.Regexp
	// prefixes of annotations that the controller reads beside that of the reference, with the slash.
	prefixes []string
	// header returns the annotations, without prefix, by which a header is matched.
	header func(v1alpha1.ValueMatch) (map[string]string, error)
	// cookie refuses names that a cookie cannot be matched by.
	cookie func(name string) error
}

var flavors = map[v1alpha1.Flavor]flavor{
	// Weights, session affinity, load balancing and whether it is the Service's own address belong to the upstream, all else to the location of the user's Ingress.
	v1alpha1.FlavorIngressNginx: {
		controller: "ingress-nginx", granularity: 1, settle: 5 * time.Second,
		copies: regexp.MustCompile(`^(load-balance|service-upstream|upstream-hash-by.*|affinity.*|session-cookie-.*)$`),
		header: nginxHeader, cookie: nginxCookie,
	},
	// All but the canary's own annotations are read from the user's Ingress.
	v1alpha1.FlavorTraefik: {
		controller: "Traefik", granularity: 1, settle: 5 * time.Second, longest: true,
		header: traefikHeader, cookie: func(string) error { return nil },
	},
	// A canary Ingress is found by its paths and the annotations that tell requests apart. A weight is merged into the user's
	// route; a match is a route of its own, with the canary Ingress's name.
	v1alpha1.FlavorHigress: {
		controller: "Higress", granularity: 10_000, settle: 15 * time.Second,
		unmatched: "Higress names the route of a match after the canary Ingress, so that plugins which are bound to an Ingress by its name, authentication among them, would not see its requests; use weights alone",
		copies:    regexp.MustCompile(`.`), prefixes: []string{"higress.io/"},
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

func expression(v v1alpha1.ValueMatch) string {
	if v.Exact != nil {
		return regexp.QuoteMeta(*v.Exact)
	}
	return *v.Regex
}

func nginxCookie(name string) error {
	if !nginxValue.MatchString(name) {
		return fmt.Errorf("match cookie %s: ingress-nginx admits letters, digits and -._~/: in its name; rename it", name)
	}
	return nil
}
