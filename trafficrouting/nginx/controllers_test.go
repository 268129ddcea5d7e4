package nginx_test

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	networkingv1 "k8s.io/api/networking/v1"

	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/providertest"
)

// The models say where each controller sends a request, as its source does. They share no code with the provider, and
// read Ingresses through the API's own types.

const prefix = "nginx.ingress.kubernetes.io/"

// location is one path of an Ingress.
type location struct {
	host, path string
	kind       networkingv1.PathType
	service    string
	port       string
	of         *networkingv1.Ingress
}

func (l location) backend() string { return l.service + "|" + l.port }

func (l location) same(o location) bool {
	return l.host == o.host && l.path == o.path && l.kind == o.kind
}

// locationsOf returns those of the regular and of the canary Ingresses of class nginx, which is the model's.
func locationsOf(live trafficrouting.Objects) (regular, canary []location) {
	all := append([]*unstructured.Unstructured{live.Route}, live.Beside...)
	slices.SortFunc(all, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	for _, obj := range all {
		of := &networkingv1.Ingress{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, of); err != nil {
			panic(err)
		}
		if of.Spec.IngressClassName == nil && of.Annotations["kubernetes.io/ingress.class"] != "nginx" || of.Spec.IngressClassName != nil && *of.Spec.IngressClassName != "nginx" {
			continue
		}
		for _, rule := range of.Spec.Rules {
			for _, p := range rule.HTTP.Paths {
				port := p.Backend.Service.Port.Name
				if port == "" {
					port = strconv.Itoa(int(p.Backend.Service.Port.Number))
				}
				l := location{rule.Host, p.Path, *p.PathType, p.Backend.Service.Name, port, of}
				if of.Annotations[prefix+"canary"] == "true" {
					canary = append(canary, l)
				} else {
					regular = append(regular, l)
				}
			}
		}
	}
	return regular, canary
}

func hostOf(r providertest.Request) string { return r.Headers["host"] }

func (l location) takes(r providertest.Request) bool {
	if l.host != "" && l.host != hostOf(r) {
		return false
	}
	if l.kind == networkingv1.PathTypeExact {
		return r.Path == l.path
	}
	prefix := strings.TrimSuffix(l.path, "/")
	return r.Path == prefix || strings.HasPrefix(r.Path, prefix+"/")
}

// best is the location of the most special host, then an exact one, then the longest.
func best(locations []location, r providertest.Request) *location {
	var found *location
	rank := func(l *location) []int {
		exact, host := 0, 0
		if l.kind == networkingv1.PathTypeExact {
			exact = 1
		}
		if l.host != "" {
			host = 1
		}
		return []int{host, exact, len(l.path)}
	}
	for i := range locations {
		if locations[i].takes(r) && (found == nil || slices.Compare(rank(&locations[i]), rank(found)) > 0) {
			found = &locations[i]
		}
	}
	return found
}

func only(backend string) providertest.Shares { return providertest.Shares{backend: big.NewRat(1, 1)} }

// shaped shares by the weight of a canary Ingress.
func shaped(stable, canary string, a map[string]string) providertest.Shares {
	weight, _ := strconv.ParseInt(a[prefix+"canary-weight"], 10, 64)
	total, _ := strconv.ParseInt(a[prefix+"canary-weight-total"], 10, 64)
	total = max(total, 100)
	return providertest.Shares{stable: big.NewRat(total-weight, total), canary: big.NewRat(weight, total)}
}

func cookie(r providertest.Request, name string) string {
	for _, pair := range strings.Split(r.Headers["cookie"], ";") {
		if key, value, _ := strings.Cut(strings.TrimSpace(pair), "="); key == name {
			return value
		}
	}
	return ""
}

// byIngressNginx: the alternative hangs on the upstream, whatever path it came by (balancer.lua).
func byIngressNginx(live trafficrouting.Objects, r providertest.Request) providertest.Shares {
	regular, canary := locationsOf(live)
	at := best(regular, r)
	if at == nil {
		return nil
	}
	for _, alternative := range canary {
		hangs := slices.ContainsFunc(regular, func(l location) bool {
			return l.same(alternative) && l.backend() == at.backend() && l.backend() != alternative.backend()
		})
		if !hangs {
			continue
		}
		a := alternative.of.Annotations
		switch told(a, r) {
		case "always":
			return only(alternative.backend())
		case "never":
			return only(at.backend())
		}
		return shaped(at.backend(), alternative.backend(), a)
	}
	return only(at.backend())
}

// told is always or never where a header or a cookie decides: a header that says neither leaves it to the cookie.
func told(a map[string]string, r providertest.Request) string {
	header, ok := r.Headers[strings.ToLower(a[prefix+"canary-by-header"])]
	if ok && a[prefix+"canary-by-header"] != "" {
		value, pattern := a[prefix+"canary-by-header-value"], a[prefix+"canary-by-header-pattern"]
		switch {
		case value != "" && header == value, value == "" && pattern != "" && regexp.MustCompile(pattern).MatchString(header):
			return "always"
		case value == "" && pattern == "" && (header == "always" || header == "never"):
			return header
		}
	}
	return cookie(r, a[prefix+"canary-by-cookie"])
}

// router is one of Traefik's.
type router struct {
	rule   string
	takes  func(providertest.Request) bool
	shares providertest.Shares
}

// byTraefik: the canary hangs on Service and port; of the routers that take a request the one with the longest rule does.
func byTraefik(live trafficrouting.Objects, r providertest.Request) providertest.Shares {
	regular, canary := locationsOf(live)
	byPrimary := map[string]location{}
	for _, alternative := range canary {
		for _, l := range regular {
			if l.same(alternative) && l.backend() != alternative.backend() {
				byPrimary[l.backend()] = alternative
			}
		}
	}
	var routers []router
	for _, l := range regular {
		rule, shares := textOf(l), only(l.backend())
		if alternative, ok := byPrimary[l.backend()]; ok {
			shares = shaped(l.backend(), alternative.backend(), alternative.of.Annotations)
			if text, matches := condition(alternative.of.Annotations); text != "" {
				routers = append(routers, router{
					"(" + rule + ") && (" + text + ")",
					func(r providertest.Request) bool { return l.takes(r) && matches(r) }, only(alternative.backend()),
				})
			}
		}
		routers = append(routers, router{rule, l.takes, shares})
	}
	var found *router
	for i := range routers {
		if routers[i].takes(r) && (found == nil || len(routers[i].rule) > len(found.rule)) {
			found = &routers[i]
		}
	}
	if found == nil {
		return nil
	}
	return found.shares
}

func textOf(l location) string {
	text := ""
	if l.host != "" {
		text = fmt.Sprintf("Host(%q) && ", l.host)
	}
	if l.kind == networkingv1.PathTypeExact {
		return text + fmt.Sprintf("Path(%q)", l.path)
	}
	if l.path == "/" {
		return text + `PathPrefix("/")`
	}
	path := strings.TrimSuffix(l.path, "/")
	return text + fmt.Sprintf("(Path(%q) || PathPrefix(%q))", path, path+"/")
}

func condition(a map[string]string) (string, func(providertest.Request) bool) {
	var texts []string
	header, value := a[prefix+"canary-by-header"], a[prefix+"canary-by-header-value"]
	pattern, name := a[prefix+"canary-by-header-pattern"], a[prefix+"canary-by-cookie"]
	switch {
	case header != "" && value != "":
		texts = append(texts, fmt.Sprintf("Header(%q, %q)", header, value))
	case header != "":
		texts = append(texts, fmt.Sprintf("HeaderRegexp(%q, %q)", header, pattern))
	}
	if name != "" {
		texts = append(texts, fmt.Sprintf("HeaderRegexp(\"Cookie\", %q)", `(^|;\s*)`+name+`=always(;|$)`))
	}
	return strings.Join(texts, " || "), func(r providertest.Request) bool {
		got, ok := r.Headers[strings.ToLower(header)]
		byHeader := header != "" && ok && (value != "" && got == value || value == "" && regexp.MustCompile(pattern).MatchString(got))
		return byHeader || name != "" && regexp.MustCompile(`(^|;\s*)`+regexp.QuoteMeta(name)+`=always(;|$)`).MatchString(r.Headers["cookie"])
	}
}

// byHigress: a canary Ingress belongs to the paths that it names, and is found by them and by the annotations that tell
// requests apart.
func byHigress(live trafficrouting.Objects, r providertest.Request) providertest.Shares {
	regular, canary := locationsOf(live)
	at := best(regular, r)
	if at == nil {
		return nil
	}
	for _, alternative := range canary {
		a, users := alternative.of.Annotations, at.of.Annotations
		if !alternative.same(*at) || a[prefix+"use-regex"] != users[prefix+"use-regex"] || a["higress.io/match-method"] != users["higress.io/match-method"] {
			continue
		}
		weight, _ := strconv.ParseInt(a[prefix+"canary-weight"], 10, 64)
		return providertest.Shares{at.backend(): big.NewRat(100-weight, 100), alternative.backend(): big.NewRat(weight, 100)}
	}
	return only(at.backend())
}
