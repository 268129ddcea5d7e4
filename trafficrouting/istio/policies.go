package istio

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

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
func policies(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split, base, canary string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, obj := range live.Beside {
		host := hostOf(obj)
		if service, ok := serviceOf(host, obj.GetNamespace()); !ok || service != base || owned(obj, live, owner, splits) {
			continue
		}
		made, err := copyFor(live, owner, splits, nameOf(canary, obj.GetName()))
		if err != nil && trafficrouting.Neutral(splits) {
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
func copyFor(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split, name string) (*unstructured.Unstructured, error) {
	made := &unstructured.Unstructured{Object: rules.Object{"kind": destinationRule.Kind}}
	for _, obj := range live.Beside {
		if obj.GetName() != name {
			continue
		}
		if !owned(obj, live, owner, splits) {
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
func others(live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, obj := range live.Beside {
		if !owned(obj, live, owner, splits) {
			out = append(out, obj)
		}
	}
	return out
}

// owned says whether a DestinationRule is one of the owner's copies: by its label and a canary Service's host; or, where
// the label was taken, by that host and the name of the copy of one that is there. People may write their own for that
// host too.
func owned(obj *unstructured.Unstructured, live trafficrouting.Objects, owner trafficrouting.Owner, splits []trafficrouting.Split) bool {
	service, local := serviceOf(hostOf(obj), obj.GetNamespace())
	if of := obj.GetLabels()[v1alpha1.LabelRollout]; of != "" {
		return of == owner.Name && (local && strings.HasSuffix(service, v1alpha1.CanarySuffix) || isCopy(obj, live, splits))
	}
	return local && strings.HasSuffix(service, v1alpha1.CanarySuffix) && isCopy(obj, live, splits)
}

// isCopy says whether a DestinationRule has the name of a copy.
func isCopy(obj *unstructured.Unstructured, live trafficrouting.Objects, splits []trafficrouting.Split) bool {
	return slices.ContainsFunc(splits, func(s trafficrouting.Split) bool {
		return slices.ContainsFunc(live.Beside, func(original *unstructured.Unstructured) bool {
			service, ok := serviceOf(hostOf(original), original.GetNamespace())
			return ok && service == s.Base.Service && obj.GetName() == nameOf(trafficrouting.CanaryOf(s.Base.Service), original.GetName())
		})
	})
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
