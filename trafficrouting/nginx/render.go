package nginx

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// title names an Ingress in messages.
func title(ingress *unstructured.Unstructured) string {
	return fmt.Sprintf("Ingress %s/%s", ingress.GetNamespace(), ingress.GetName())
}

// Render makes, changes and removes the owner's canary Ingresses. Each has the rules of all Ingresses of the class that
// use the Service: ingress-nginx and Traefik split whatever goes to it, whichever rules the canary's has.
func (p Ingress) Render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (trafficrouting.Objects, error) {
	if len(splits) == 0 {
		return p.Strip(live, owner)
	}
	if live.Route == nil && trafficrouting.Neutral(splits) {
		return p.without(live, owner, splits), nil
	}
	if reason := p.refusal(live); reason != "" {
		return trafficrouting.Objects{}, fmt.Errorf("split Ingress: %s", reason)
	}
	fail := func(err error) (trafficrouting.Objects, error) {
		return trafficrouting.Objects{}, fmt.Errorf("split %s: %w", title(live.Route), err)
	}
	if err := trafficrouting.Validate(live.Route.GetNamespace(), owner, splits); err != nil {
		return fail(err)
	}
	out := p.without(live, owner, splits)
	for _, s := range splits {
		target, canaries, err := p.canaries(s)
		if err != nil {
			return fail(err)
		}
		rules := mirrored(p.regular(live), s.Base.Service, target)
		if len(rules) == 0 && len(canaries) > 0 && !anyNames(splits, live.Route) {
			return fail(fmt.Errorf("no rule names Service %s; add it to a rule or take the Ingress out of spec.routeRefs", s.Base.Service))
		}
		for _, c := range canaries {
			if len(rules) == 0 {
				continue // it goes through another of the Release's routes
			}
			made, err := p.canaryIngress(live, owner, s, c, rules)
			if err != nil {
				return fail(err)
			}
			out.Beside = append(out.Beside, made)
		}
	}
	return out, nil
}

// Strip takes the owner's canary Ingresses away.
func (p Ingress) Strip(live trafficrouting.Objects, owner trafficrouting.Owner) (trafficrouting.Objects, error) {
	return p.without(live, owner, nil), nil
}

// without returns the objects but for the owner's canary Ingresses of this route. All routes of a Release go back
// together, so that a neutral split leaves none of any.
func (p Ingress) without(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) trafficrouting.Objects {
	out := trafficrouting.Objects{Route: live.Route}
	for _, obj := range live.Beside {
		gone := p.owned(obj, owner, splits) && (trafficrouting.Neutral(splits) || !p.ofAnother(obj, live))
		if !gone {
			out.Beside = append(out.Beside, obj)
		}
	}
	return out
}

// ofAnother says whether a canary Ingress is of another class than the route, and of one that some Ingress beside still has:
// another route of the same Release.
func (p Ingress) ofAnother(canary *unstructured.Unstructured, live trafficrouting.Objects) bool {
	class := classOf(canary)
	return live.Route != nil && class != classOf(live.Route) && slices.ContainsFunc(live.Beside, func(obj *unstructured.Unstructured) bool {
		return classOf(obj) == class && !p.isCanary(obj)
	})
}

// owned says whether an Ingress beside the route is one of the owner's, whatever somebody made of it: by its label, or,
// where that was taken, by its name and since it sends to a canary Service of the owner's.
func (p Ingress) owned(obj *unstructured.Unstructured, owner trafficrouting.Owner, splits []trafficrouting.Split) bool {
	if of := obj.GetLabels()[v1alpha1.LabelRollout]; of != "" {
		return of == owner.Name
	}
	return slices.ContainsFunc(splits, func(s trafficrouting.Split) bool {
		target, _, err := targetOf(s)
		return err == nil && strings.HasPrefix(obj.GetName(), target) && p.isCanary(obj) && names(obj, target)
	})
}

func (p Ingress) isCanary(obj *unstructured.Unstructured) bool {
	return obj.GetAnnotations()[p.prefix+"canary"] == "true"
}

// regular returns the Ingresses of the route's class that are no canary's, by name.
func (p Ingress) regular(live trafficrouting.Objects) []*unstructured.Unstructured {
	out := []*unstructured.Unstructured{live.Route}
	for _, obj := range live.Beside {
		_, made := obj.GetLabels()[v1alpha1.LabelRollout]
		if !made && !p.isCanary(obj) && classOf(obj) == classOf(live.Route) {
			out = append(out, obj)
		}
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out
}

func anyNames(splits []trafficrouting.Split, route *unstructured.Unstructured) bool {
	return slices.ContainsFunc(splits, func(s trafficrouting.Split) bool { return names(route, s.Base.Service) })
}

// nameOf returns the name of a canary Ingress: that of its Service and of the class, which has one for each. A class of
// old, in an annotation, need not be fit for a name.
func nameOf(target, class, suffix string) string {
	fit := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(class)), "-")
	if fit != "" {
		target += "-" + fit
	}
	return target + suffix
}

// canaryIngress returns one as it is to be: what is there already keeps what others wrote beside.
func (p Ingress) canaryIngress(live trafficrouting.Objects, owner trafficrouting.Owner, s trafficrouting.Split, c canary, rules []any) (*unstructured.Unstructured, error) {
	target, _, _ := targetOf(s)
	name := nameOf(target, classOf(live.Route), c.suffix)
	out := &unstructured.Unstructured{Object: object{"apiVersion": live.Route.GetAPIVersion(), "kind": Kind.Kind}}
	for _, obj := range live.Beside {
		if obj.GetName() != name {
			continue
		}
		if !p.owned(obj, owner, []trafficrouting.Split{s}) {
			return nil, fmt.Errorf("Ingress %s exists and is not this Rollout's; rename or delete it", name)
		}
		out = obj.DeepCopy()
	}
	out.SetNamespace(live.Route.GetNamespace())
	out.SetName(name)
	labels := out.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[v1alpha1.LabelRollout] = owner.Name
	out.SetLabels(labels)
	out.SetAnnotations(p.annotations(out.GetAnnotations(), live.Route.GetAnnotations(), c))

	spec := object{"rules": rules}
	if class, ok, _ := unstructured.NestedString(live.Route.Object, "spec", "ingressClassName"); ok {
		spec["ingressClassName"] = class
	}
	out.Object["spec"] = spec
	return out, nil
}

// annotations returns those of a canary Ingress: what it does, what it needs of the user's, and what others wrote.
func (p Ingress) annotations(was, users map[string]string, c canary) map[string]string {
	out := map[string]string{}
	for key, value := range was {
		if !p.speaks(key) && key != classAnnotation {
			out[key] = value
		}
	}
	for key, value := range users {
		if name, ok := p.cut(key); ok && p.copies != nil && p.copies.MatchString(name) && !strings.HasPrefix(name, "canary") {
			out[key] = value
		}
	}
	if class, ok := users[classAnnotation]; ok {
		out[classAnnotation] = class
	}
	for name, value := range c.annotations {
		out[p.prefix+name] = value
	}
	return out
}

// prefixes of annotations that the controller reads.
func (p Ingress) prefixes() []string {
	if p.apart {
		return []string{p.prefix, "higress.io/"}
	}
	return []string{p.prefix}
}

// speaks says whether an annotation is the controller's to read.
func (p Ingress) speaks(key string) bool {
	_, ok := p.cut(key)
	return ok
}

// cut returns the name of an annotation of the controller's without its prefix.
func (p Ingress) cut(key string) (string, bool) {
	for _, prefix := range p.prefixes() {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			return name, true
		}
	}
	return "", false
}
