package nginx

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// without returns the objects but for the owner's canary Ingresses of this route. All routes of a Release go back
// together, so that a neutral split leaves none of any.
func (p Ingress) without(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) trafficrouting.Objects {
	out := trafficrouting.Objects{Route: live.Route}
	for _, obj := range live.Beside {
		gone := p.owned(obj, owner, splits) && (trafficrouting.Neutral(splits) || !p.ofAnother(obj, live, splits))
		if !gone {
			out.Beside = append(out.Beside, obj)
		}
	}
	return out
}

// owned says whether an Ingress beside the route is one of the owner's, whatever somebody made of it: by the label, with the
// looks or the name of a canary's; or, where the label was taken, by both and since it sends to the owner's canary Service.
// People call their own canary Ingresses so too.
func (p Ingress) owned(obj *unstructured.Unstructured, owner trafficrouting.Owner, splits []trafficrouting.Split) bool {
	of := obj.GetLabels()[v1alpha1.LabelRollout]
	if of != "" && of != owner.Name {
		return false
	}
	if of != "" && (p.isCanary(obj) || p.isMade(obj)) {
		return true
	}
	return slices.ContainsFunc(splits, func(s trafficrouting.Split) bool {
		target, _, err := targetOf(s)
		if err != nil || target == "" || !strings.HasPrefix(obj.GetName(), target) {
			return false
		}
		return of != "" || p.isCanary(obj) && names(obj, target)
	})
}

// isMade says whether an Ingress has our label and sends to canary Services alone.
func (Ingress) isMade(obj *unstructured.Unstructured) bool {
	paths := pathsOf(obj)
	return obj.GetLabels()[v1alpha1.LabelRollout] != "" && len(paths) > 0 &&
		!slices.ContainsFunc(paths, func(at path) bool { return !strings.HasSuffix(at.service, v1alpha1.CanarySuffix) })
}

// isCanary reads the annotation as the controllers do.
func (p Ingress) isCanary(obj *unstructured.Unstructured) bool {
	for _, prefix := range append([]string{p.prefix}, p.prefixes...) {
		if canary, err := strconv.ParseBool(obj.GetAnnotations()[prefix+"canary"]); err == nil && canary {
			return true
		}
	}
	return false
}

// ofAnother says whether a canary Ingress is of another class than the route, and of one that some Ingress beside still has:
// another route of the same Release. One that has this route's name is this route's.
func (p Ingress) ofAnother(canary *unstructured.Unstructured, live trafficrouting.Objects, splits []trafficrouting.Split) bool {
	class := classOf(canary)
	if live.Route == nil || class == classOf(live.Route) {
		return false
	}
	for _, s := range splits {
		if target, _, err := targetOf(s); err == nil && canary.GetName() == nameOf(target, classOf(live.Route)) {
			return false
		}
	}
	return slices.ContainsFunc(live.Beside, func(obj *unstructured.Unstructured) bool {
		return classOf(obj) == class && p.isRegular(obj)
	})
}

func (p Ingress) isRegular(obj *unstructured.Unstructured) bool {
	return !p.isCanary(obj) && !p.isMade(obj)
}

// regular returns the Ingresses of the route's class that are no canary's, by name.
func (p Ingress) regular(live trafficrouting.Objects) []*unstructured.Unstructured {
	out := []*unstructured.Unstructured{live.Route}
	for _, obj := range live.Beside {
		if p.isRegular(obj) && classOf(obj) == classOf(live.Route) {
			out = append(out, obj)
		}
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out
}

// users are the regular Ingresses that send to a Service.
func (p Ingress) users(live trafficrouting.Objects, service string) []*unstructured.Unstructured {
	return slices.DeleteFunc(p.regular(live), func(obj *unstructured.Unstructured) bool { return !names(obj, service) })
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
