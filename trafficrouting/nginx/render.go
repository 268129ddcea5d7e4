package nginx

import (
	"crypto/sha256"
	"encoding/hex"
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
// use the Service: ingress-nginx and Traefik split whatever goes to it, whichever rules the canary's has. The way back is
// always open: no state of the user's Ingress keeps a canary's.
func (p Ingress) Render(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) (trafficrouting.Objects, error) {
	out := p.without(live, owner, splits)
	if trafficrouting.Neutral(splits) {
		return out, nil
	}
	if reason := p.unusable(live); reason != "" {
		return trafficrouting.Objects{}, fmt.Errorf("split Ingress: %s", reason)
	}
	fail := func(err error) (trafficrouting.Objects, error) {
		return trafficrouting.Objects{}, fmt.Errorf("split %s: %w", title(live.Route), err)
	}
	if owner.Namespace != "" && owner.Namespace != live.Route.GetNamespace() {
		return trafficrouting.Objects{}, fmt.Errorf("split %s: it is in another namespace than Rollout %s/%s, whose Services no Ingress there can name; name one in the Rollout's namespace",
			title(live.Route), owner.Namespace, owner.Name)
	}
	if err := trafficrouting.Validate(owner, splits); err != nil {
		return fail(err)
	}
	if !anyNames(splits, live.Route) {
		return fail(fmt.Errorf("no rule names Service %s; add it to a rule or take the Ingress out of spec.routeRefs", splits[0].Base.Service))
	}
	for _, s := range splits {
		if p.steals(live, s) != "" {
			s.Rules = nil // another rule has come since the Release began: its requests matter more than the match, see Observe
		}
		c, err := p.canaryOf(s)
		if err != nil {
			return fail(err)
		}
		users := p.users(live, s.Base.Service)
		if rules := p.mirrored(live, s.Base.Service, c.target); len(rules) > 0 && len(c.annotations) > 0 {
			made, err := p.canaryIngress(live, owner, s, c, users[0])
			if err != nil {
				return fail(err)
			}
			made.Object["spec"].(object)["rules"] = rules
			out.Beside = append(out.Beside, made)
		}
	}
	return out, nil
}

// Misfit is nothing: a backend is a Service and no more.
func (Ingress) Misfit(trafficrouting.Objects, *unstructured.Unstructured, map[string]string) string {
	return ""
}

// Strip takes the owner's canary Ingresses away.
func (p Ingress) Strip(live trafficrouting.Objects, owner trafficrouting.Owner) (trafficrouting.Objects, error) {
	return p.without(live, owner, nil), nil
}

// Leftovers are none: a canary Ingress is what sends to the canary Service.
func (Ingress) Leftovers(trafficrouting.Objects, trafficrouting.Owner) []*unstructured.Unstructured {
	return nil
}

func anyNames(splits []trafficrouting.Split, route *unstructured.Unstructured) bool {
	return slices.ContainsFunc(splits, func(s trafficrouting.Split) bool { return names(route, s.Base.Service) })
}

// nameOf returns the name of a canary Ingress: that of its Service and of the class, which has one for each. A class of
// old, in an annotation, need not be fit for a name.
func nameOf(target, class string) string {
	fit := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(class)), "-")
	switch {
	case class == "":
		return target
	case fit != class: // others may be fitted to the same
		sum := sha256.Sum256([]byte(class))
		fit = strings.Trim(fit+"-"+hex.EncodeToString(sum[:5]), "-")
	}
	return target + "-" + fit
}

// canaryIngress returns one as it is to be but for its rules: what is there already keeps what others wrote beside. What it
// has of a user's Ingress it has of the first that uses the Service, whichever route it is rendered for.
func (p Ingress) canaryIngress(live trafficrouting.Objects, owner trafficrouting.Owner, s trafficrouting.Split, c canary, like *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	name := nameOf(c.target, classOf(live.Route))
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
	annotations := p.copied(like)
	for key, value := range out.GetAnnotations() {
		if !p.means(key) && key != classAnnotation {
			annotations[key] = value
		}
	}
	for key, value := range c.annotations {
		annotations[p.prefix+key] = value
	}
	spec := object{}
	if class, ok, _ := unstructured.NestedString(like.Object, "spec", "ingressClassName"); ok {
		spec["ingressClassName"] = class
	} else if class, ok := like.GetAnnotations()[classAnnotation]; ok {
		annotations[classAnnotation] = class
	}
	out.SetAnnotations(annotations)
	out.Object["spec"] = spec
	return out, nil
}

// copied are the annotations of a user's Ingress that a canary's needs as well.
func (p Ingress) copied(users *unstructured.Unstructured) map[string]string {
	out := map[string]string{}
	for key, value := range users.GetAnnotations() {
		if name, ok := p.cut(key); ok && p.means(key) && !strings.HasPrefix(name, "canary") {
			out[key] = value
		}
	}
	return out
}

// means says whether an annotation means something on a canary Ingress.
func (p Ingress) means(key string) bool {
	name, ok := p.cut(key)
	return ok && (strings.HasPrefix(name, "canary") || p.copies != nil && p.copies.MatchString(name))
}

// cut returns the name of an annotation of the controller's without its prefix.
func (p Ingress) cut(key string) (string, bool) {
	for _, prefix := range append([]string{p.prefix}, p.prefixes...) {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			return name, true
		}
	}
	return "", false
}
