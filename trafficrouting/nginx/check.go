package nginx

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
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
		if name := nameOf(target, classOf(live.Route)); len(name) > maxName {
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
		if reason := p.ambiguous(live, s.Base.Service); reason != "" {
			return reason
		}
		if reason := p.steals(live, s); reason != "" {
			return reason
		}
	}
	return ""
}

// misfit says what in an Ingress of the class does not go with a split.
func (p Ingress) misfit(live trafficrouting.Objects, ingress *unstructured.Unstructured, s trafficrouting.Split, target string) string {
	service := s.Base.Service
	switch uses := names(ingress, service); {
	case names(ingress, target):
		return fmt.Sprintf("names Service %s by its own hand, which would be the canary of Service %s; take it out of the Ingress", target, service)
	case p.isCanary(ingress):
		return p.secondCanary(live, ingress, service)
	case !uses:
		return ""
	case ingress.GetLabels()[v1alpha1.LabelRollout] != "":
		return fmt.Sprintf("has the label %s, by which Crossfade knows what it made; remove it", v1alpha1.LabelRollout)
	case defaultService(ingress) == service:
		return fmt.Sprintf("names Service %s as its defaultBackend, which cannot be split; give it a rule for path /", service)
	case slices.ContainsFunc(pathsOf(ingress), func(at path) bool { return at.service == service && at.path == "" }):
		return fmt.Sprintf("names Service %s in a rule without path, which no canary Ingress can be matched with; write path /", service)
	case ingress.GetAnnotations()[p.prefix+"ssl-passthrough"] == "true":
		return fmt.Sprintf("passes TLS through to Service %s, whose requests cannot be told then; take %sssl-passthrough out", service, p.prefix)
	case !maps.Equal(p.copied(ingress), p.copied(p.users(live, service)[0])):
		return fmt.Sprintf("has other annotations of the controller than %s, and one canary Ingress stands for both; give them the same", title(p.users(live, service)[0]))
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

// ambiguous refuses a path that another Service has as well: the controller might take the canary to be that one's, and
// split all its requests.
func (p Ingress) ambiguous(live trafficrouting.Objects, service string) string {
	ours, others := p.paths(live, service)
	for _, at := range ours {
		for _, other := range others {
			if at.key() == other.key() {
				return fmt.Sprintf("%s: path %s belongs to Service %s and, in another rule of the class, to Service %s; take it out of one",
					title(live.Route), at.host+at.path, service, other.service)
			}
		}
	}
	return ""
}
