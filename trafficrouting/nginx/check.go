package nginx

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
)

// maxName is the longest name of an Ingress (DNS subdomain), in characters.
const maxName = 253

// Check says why the Ingress cannot carry the splits: what Render would refuse, and what the controller would make of them
// beside what is asked for.
func (p Ingress) Check(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) string {
	if reason := p.refusal(live); reason != "" {
		return reason
	}
	if !anyNames(splits, live.Route) {
		return fmt.Sprintf("%s: no rule names Service %s; add it to a rule or take the Ingress out of spec.routeRefs", title(live.Route), splits[0].Base.Service)
	}
	if _, err := p.Render(live, owner, splits); err != nil {
		return err.Error()
	}
	for _, s := range splits {
		target, _, err := targetOf(s)
		if err != nil {
			return err.Error()
		}
		if name := nameOf(target, classOf(live.Route), "-match-16"); len(name) > maxName {
			return fmt.Sprintf("%s: the name of its canary Ingress would have %d characters and %d is the most; choose a class with a shorter name", title(live.Route), len(name), maxName)
		}
		for _, ingress := range append(live.Beside[:len(live.Beside):len(live.Beside)], live.Route) {
			if classOf(ingress) != classOf(live.Route) || p.owned(ingress, owner, splits) {
				continue
			}
			if reason := p.misfit(live, ingress, s, target); reason != "" {
				return title(ingress) + " " + reason
			}
		}
		if reason := p.steals(live, s); reason != "" {
			return reason
		}
	}
	return ""
}

// misfit says what in an Ingress of the class does not go with a split.
func (p Ingress) misfit(live trafficrouting.Objects, ingress *unstructured.Unstructured, s trafficrouting.Split, target string) string {
	switch uses := names(ingress, s.Base.Service); {
	case names(ingress, target):
		return fmt.Sprintf("names Service %s by its own hand, which would be the canary of Service %s; take it out of the Ingress", target, s.Base.Service)
	case p.isCanary(ingress):
		return p.secondCanary(live, ingress, s.Base.Service)
	case !uses:
		return ""
	case defaultService(ingress) == s.Base.Service:
		return fmt.Sprintf("names Service %s as its defaultBackend, which cannot be split; give it a rule for path /", s.Base.Service)
	case ingress.GetAnnotations()[p.prefix+"ssl-passthrough"] == "true":
		return fmt.Sprintf("passes TLS through to Service %s, whose requests cannot be told then; take %sssl-passthrough out", s.Base.Service, p.prefix)
	}
	if p.forgets == nil || len(s.Rules) == 0 {
		return ""
	}
	for key := range ingress.GetAnnotations() {
		if name, ok := p.cut(key); ok && p.forgets.MatchString(name) {
			return fmt.Sprintf("has the annotation %s, which %s forgets where it matches for a canary; use weights alone", key, p.controller)
		}
	}
	return ""
}

// secondCanary refuses a canary Ingress of somebody else's for the same paths: controllers take one.
func (p Ingress) secondCanary(live trafficrouting.Objects, ingress *unstructured.Unstructured, service string) string {
	taken := map[[3]string]bool{}
	for _, at := range pathsOf(ingress) {
		taken[at.key()] = true
	}
	ours, _ := p.paths(live, service)
	for _, at := range ours {
		if taken[at.key()] {
			return fmt.Sprintf("is a canary for path %s of Service %s already, and %s takes one; delete it", at.host+at.path, service, p.controller)
		}
	}
	return ""
}

// paths returns those of the class that go to a Service, and the others.
func (p Ingress) paths(live trafficrouting.Objects, service string) (to, others []path) {
	for _, ingress := range p.regular(live) {
		for _, at := range pathsOf(ingress) {
			if at.service == service {
				to = append(to, at)
			} else {
				others = append(others, at)
			}
		}
	}
	return to, others
}
