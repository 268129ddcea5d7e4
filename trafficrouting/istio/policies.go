package istio

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/rules"
)

// maxName is the longest name of a DestinationRule (DNS-1123 subdomain), in characters.
const maxName = 253

// policies returns the copies, for the canary Service, of the DestinationRules of a Service: load balancing, TLS, outlier
// detection and subsets go by host. A subset of the canary's has no labels: its pods are of one version, whatever the
// user's subset picks from.
func policies(live trafficrouting.Objects, owner trafficrouting.Owner, neutral bool, base, canary string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, obj := range live.Beside {
		host := hostOf(obj)
		if service, ok := serviceOf(host, obj.GetNamespace()); !ok || service != base || owned(obj, owner) {
			continue
		}
		made, err := copyFor(live, owner, nameOf(canary, obj.GetName()))
		if err != nil && neutral {
			continue // the way back is always open
		}
		if err != nil {
			return nil, err
		}
		spec, _, _ := unstructured.NestedMap(obj.Object, "spec")
		spec["host"] = onHost(host, canary)
		for _, subset := range rules.Objects(spec["subsets"]) {
			delete(subset, "labels")
		}
		made.Object["spec"] = spec
		made.SetAPIVersion(obj.GetAPIVersion())
		out = append(out, made)
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out, nil
}

// copyFor returns the copy of this name as it is to be but for its spec.
func copyFor(live trafficrouting.Objects, owner trafficrouting.Owner, name string) (*unstructured.Unstructured, error) {
	made := &unstructured.Unstructured{Object: rules.Object{"kind": destinationRule.Kind}}
	for _, obj := range live.Beside {
		if obj.GetName() != name {
			continue
		}
		if !owned(obj, owner) {
			return nil, fmt.Errorf("DestinationRule %s exists and is not this Rollout's; rename or delete it", name)
		}
		made = obj.DeepCopy()
	}
	made.SetNamespace(live.Route.GetNamespace())
	made.SetName(name)
	labels := made.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[v1alpha1.LabelRollout] = owner.Name
	made.SetLabels(labels)
	return made, nil
}

// others returns what is beside the VirtualService but for the owner's copies.
func others(live trafficrouting.Objects, owner trafficrouting.Owner) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, obj := range live.Beside {
		if !owned(obj, owner) {
			out = append(out, obj)
		}
	}
	return out
}

// owned says whether a DestinationRule is one of the owner's copies: it has the name of one and the canary Service's host,
// and the owner's label or, where somebody took that, its owner reference. People may write their own for that host too.
func owned(obj *unstructured.Unstructured, owner trafficrouting.Owner) bool {
	service, local := serviceOf(hostOf(obj), obj.GetNamespace())
	base, canary := strings.CutSuffix(service, v1alpha1.CanarySuffix)
	if !local || !canary || !strings.HasPrefix(obj.GetName(), service+"-") {
		return false
	}
	if of := obj.GetLabels()[v1alpha1.LabelRollout]; of != "" {
		return of == owner.Name
	}
	return slices.ContainsFunc(obj.GetOwnerReferences(), func(ref metav1.OwnerReference) bool { return ref.Kind == "Service" && ref.Name == base })
}

func hostOf(obj *unstructured.Unstructured) string {
	host, _, _ := unstructured.NestedString(obj.Object, "spec", "host")
	return host
}

// nameOf returns the name of a copy: the canary Service's and the original's.
func nameOf(canary, original string) string {
	name := canary + "-" + original
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(original))
	return canary + "-" + hex.EncodeToString(sum[:5])
}
