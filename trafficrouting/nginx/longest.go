package nginx

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
)

// steals says which rule of another Service would lose requests to a match, where the controller takes the rule with the
// longest text: the match makes that of a general path longer than that of a special one.
func (p Ingress) steals(live trafficrouting.Objects, s trafficrouting.Split) string {
	if !p.longest || len(s.Rules) == 0 {
		return ""
	}
	// The controller may serve other classes as well, whose rules it reads beside those of this one.
	ours, others := p.paths(live, s.Base.Service)
	regular := p.regular(live)
	for _, obj := range live.Beside {
		if p.isRegular(obj) && classOf(obj) != classOf(live.Route) {
			regular, others = append(regular, obj), append(others, pathsOf(obj)...)
		}
	}
	free := p.freeHosts(regular)
	for _, at := range ours {
		for _, other := range others {
			unknown := free[at.host] || free[other.host]
			if !at.meets(other.host) || !unknown && (!at.overlaps(other) || other.length() < at.length()) {
				continue
			}
			return fmt.Sprintf("%s: %s takes the rule with the longest text, so that a match for path %s would take requests from path %s of Service %s; use weights alone, or a kind of route that has an order",
				title(live.Route), p.controller, at.host+at.path, other.host+other.path, other.service)
		}
	}
	return ""
}

// freeHosts are those whose rules have other texts than their hosts and paths tell: expressions, or more hosts.
func (p Ingress) freeHosts(ingresses []*unstructured.Unstructured) map[string]bool {
	free := map[string]bool{}
	for _, ingress := range ingresses {
		for _, name := range []string{"use-regex", "rewrite-target", "server-alias"} {
			if value := ingress.GetAnnotations()[p.prefix+name]; value == "" || value == "false" {
				continue
			}
			for _, at := range pathsOf(ingress) {
				free[at.host] = true
			}
		}
	}
	return free
}

// meets says whether a request may be for both hosts; an empty one is any.
func (p path) meets(host string) bool {
	return p.host == host || p.host == "" || host == "" || wildcard(p.host, host) || wildcard(host, p.host)
}

func wildcard(host, other string) bool {
	suffix, ok := strings.CutPrefix(host, "*")
	return ok && strings.HasSuffix(other, suffix)
}

// overlaps says whether a request may be for both paths.
func (p path) overlaps(other path) bool {
	within := func(in, of path) bool {
		if of.kind == exact {
			return in.kind == exact && in.path == of.path
		}
		prefix := strings.TrimSuffix(of.path, "/")
		return in.path == prefix || strings.HasPrefix(in.path, prefix+"/")
	}
	return within(p, other) || within(other, p)
}

const exact = "Exact"

// length is that of the text of a rule (buildRule in Traefik's provider).
func (p path) length() int {
	text := ""
	if p.host != "" {
		text = fmt.Sprintf("Host(%q) && ", p.host)
	}
	switch prefix := strings.TrimSuffix(p.path, "/"); {
	case p.path == "":
	case p.kind == exact:
		text += fmt.Sprintf("Path(%q)", p.path)
	case p.path == "/":
		text += `PathPrefix("/")`
	default:
		text += fmt.Sprintf("(Path(%q) || PathPrefix(%q))", prefix, prefix+"/")
	}
	return len(text)
}
