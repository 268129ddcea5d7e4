package planner

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
)

// misfit: an object was changed so that traffic could not be split, or a pin would cut off others.
func misfit(d *draft) string {
	for _, r := range d.in.Observed.Routes {
		if !d.serves(r) {
			return unserved(r.Ref)
		}
	}
	if d.progress.Canary != "" {
		return ""
	}
	labels, _, _ := unstructured.NestedStringMap(d.in.Observed.Workload.Workload.Object, "spec", "template", "metadata", "labels")
	for _, s := range d.in.Observed.Services {
		if s.Taken {
			return fmt.Sprintf("Service %s exists and was not made by Crossfade; rename or delete it", trafficrouting.CanaryOf(s.Name))
		}
		if refusal := trafficrouting.ServiceRefusal(s.User, nil, d.in.Rollout, labels, nil); refusal != "" {
			return refusal
		}
		for _, r := range d.in.Observed.Routes {
			if refusal := r.Provider.Misfit(r.Objects, s.User, labels); refusal != "" {
				return refusal
			}
		}
	}
	return ""
}

func unserved(ref v1alpha1.RouteRef) string {
	if len(ref.Rules) == 0 {
		return fmt.Sprintf("%s %s names none of the Services any more", ref.Kind, ref.Name)
	}
	return fmt.Sprintf("%s %s has no rule called %s any more that names a Service", ref.Kind, ref.Name, strings.Join(ref.Rules, " or "))
}

// serves: the route sends requests to one of the Services, not by our part of it alone.
func (d *draft) serves(r Route) bool {
	stripped, err := r.Provider.Strip(r.Objects, d.owner())
	if err == nil && r.Objects.Route != nil && len(r.Ref.Rules) > 0 {
		return d.chosen(r, stripped)
	}
	for _, s := range d.in.Observed.Services {
		name := trafficrouting.NameOn(r.Objects.Route, d.in.Namespace, s.Name)
		if r.Provider.Names(r.Objects, name) && (err != nil || r.Provider.Names(stripped, name)) {
			return true
		}
	}
	return false
}

// chosen: of the rules by which the route is split, one sends requests to one of the Services. Such a rule alone would name
// the canary Service.
func (d *draft) chosen(r Route, stripped trafficrouting.Objects) bool {
	var splits []trafficrouting.Split
	for _, s := range d.in.Observed.Services {
		splits = append(splits, trafficrouting.AllCanary(s.Name))
	}
	out, err := r.Provider.Render(stripped, d.owner(), splits)
	return err != nil || slices.ContainsFunc(d.in.Observed.Services, func(s Service) bool {
		return r.Provider.Names(out, trafficrouting.NameOn(out.Route, d.in.Namespace, trafficrouting.CanaryOf(s.Name)))
	})
}
