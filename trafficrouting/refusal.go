package trafficrouting

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// maxName is the longest name of a Service (DNS-1035 label), in characters.
const maxName = 63

// Neighbour is another workload in the Service's namespace.
type Neighbour struct {
	// Name tells it in messages, such as "Deployment cart".
	Name string
	// PodLabels are the labels of its pod template.
	PodLabels map[string]string
}

// ServiceRefusal says in one sentence why a Service cannot be released through, and the mend; empty
// means that it can. svc is nil if it does not exist; existing is the Service that has the canary
// Service's name, nil if there is none; podLabels are those of the workload's pod template.
func ServiceRefusal(svc, existing *unstructured.Unstructured, rollout string, podLabels map[string]string, others []Neighbour) string {
	if svc == nil {
		return "a Service of spec.serviceRefs does not exist; create it or take it out of spec.serviceRefs"
	}
	name := "Service " + svc.GetNamespace() + "/" + svc.GetName()
	if reason := selectorRefusal(name, svc, rollout); reason != "" {
		return reason
	}
	selector := ownSelector(svc)
	if key, ok := missing(selector, podLabels); !ok {
		return fmt.Sprintf("%s does not select the workload's pods: it wants the label %s=%s, which the pod template does not have; name the Service of this workload", name, key, selector[key])
	}
	var shared []string
	for _, other := range others {
		if _, ok := missing(selector, other.PodLabels); ok {
			shared = append(shared, other.Name)
		}
	}
	if len(shared) > 0 {
		slices.Sort(shared)
		return fmt.Sprintf("%s also selects the pods of %s, which a pin would cut off; give the workload's pods a label of their own and add it to the Service's selector", name, strings.Join(shared, ", "))
	}
	return canaryRefusal(svc, existing, rollout)
}

// selectorRefusal refuses Services that cannot be pinned.
func selectorRefusal(name string, svc *unstructured.Unstructured, rollout string) string {
	if kind, _, _ := unstructured.NestedString(svc.Object, "spec", "type"); kind == "ExternalName" {
		return name + " is of type ExternalName and has no pods; name a Service that selects the workload's pods"
	}
	if len(ownSelector(svc)) == 0 {
		return name + " has no selector, so its endpoints are not the workload's pods; name a Service that selects them"
	}
	switch pinnedBy := svc.GetLabels()[v1alpha1.LabelPinned]; {
	case pinnedBy != "" && pinnedBy != rollout:
		return fmt.Sprintf("%s is pinned by Rollout %s; name each Service in one Rollout only", name, pinnedBy)
	case pinnedBy == "" && PinnedTo(svc) != "":
		return fmt.Sprintf("%s selects by %s itself, which Crossfade needs for its pin; remove it from the selector", name, v1alpha1.LabelTemplateHash)
	}
	return ""
}

// canaryRefusal refuses a Service whose canary Service cannot be made.
func canaryRefusal(svc, existing *unstructured.Unstructured, rollout string) string {
	canary := CanaryOf(svc.GetName())
	if len(canary) > maxName {
		return fmt.Sprintf("Service %s/%s: the name of its canary Service would have %d characters and %d is the most; choose a shorter name", svc.GetNamespace(), svc.GetName(), len(canary), maxName)
	}
	if existing == nil {
		return ""
	}
	switch by := existing.GetLabels()[v1alpha1.LabelRollout]; by {
	case rollout:
		return ""
	case "":
		return fmt.Sprintf("Service %s/%s exists and is not Crossfade's; rename it, as the canary of Service %s needs its name", svc.GetNamespace(), canary, svc.GetName())
	default:
		return fmt.Sprintf("Service %s/%s belongs to Rollout %s; name each Service in one Rollout only", svc.GetNamespace(), canary, by)
	}
}

// missing returns the first key of the selector that the labels do not fit, and whether all fit.
func missing(selector, labels map[string]string) (string, bool) {
	keys := make([]string, 0, len(selector))
	for key := range selector {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if value, ok := labels[key]; !ok || value != selector[key] {
			return key, false
		}
	}
	return "", true
}
