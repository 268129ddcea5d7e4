package trafficrouting

import (
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Labels and annotations that say who manages the user's Service, or what it claims outside of the
// cluster. On a copy they would make a GitOps tool prune it, or claim the same thing twice.
// app.kubernetes.io/* stay: ServiceMonitors select by them, and Argo CD prunes nothing that has an
// owner (gitops-engine, GetManagedLiveObjs).
var (
	foreignPrefixes = []string{
		"argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "meta.helm.sh/",
		"config.k8s.io/", "config.kubernetes.io/", "internal.config.kubernetes.io/",
		"external-dns.alpha.kubernetes.io/", "crossfade.io/",
	}
	foreignKeys = map[string]bool{
		"kubectl.kubernetes.io/last-applied-configuration": true,
		"control-plane.alpha.kubernetes.io/leader":         true,
		"cloud.google.com/neg-status":                      true,
	}
	// What belongs to one Service alone, or to kinds of Service that the canary's is not.
	foreignSpec = []string{
		"clusterIPs", "healthCheckNodePort", "externalIPs", "externalName", "externalTrafficPolicy",
		"loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges", "allocateLoadBalancerNodePorts",
	}
)

// CanaryService returns the Service of the revision with this pod-template hash: like the user's in
// all that callers, gateways and monitoring see, and reachable inside the cluster only. It is owned by
// the user's Service, so that deleting a Rollout or Release takes no traffic away.
func CanaryService(user *unstructured.Unstructured, rollout, hash string) *unstructured.Unstructured {
	spec, _, _ := unstructured.NestedMap(user.Object, "spec")
	if spec == nil {
		spec = map[string]any{}
	}
	for _, field := range foreignSpec {
		delete(spec, field)
	}
	if spec["clusterIP"] != "None" {
		delete(spec, "clusterIP")
	}
	spec["type"] = "ClusterIP"
	ports, _ := spec["ports"].([]any)
	for _, port := range ports {
		if p, ok := port.(map[string]any); ok {
			delete(p, "nodePort")
		}
	}
	selector := ownSelector(user)
	selector[v1alpha1.LabelTemplateHash] = hash
	spec["selector"] = anyMap(selector)

	labels := portable(user.GetLabels())
	labels[v1alpha1.LabelRollout] = rollout
	canary := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service", "spec": spec}}
	canary.SetName(CanaryOf(user.GetName()))
	canary.SetNamespace(user.GetNamespace())
	canary.SetLabels(labels)
	if annotations := portable(user.GetAnnotations()); len(annotations) > 0 {
		canary.SetAnnotations(annotations)
	}
	canary.SetOwnerReferences(OwnedBy(user))
	return canary
}

// OwnedBy returns the references of what goes when the user's Service does, and with nothing else.
func OwnedBy(user *unstructured.Unstructured) []metav1.OwnerReference {
	return []metav1.OwnerReference{{
		APIVersion: "v1", Kind: "Service", Name: user.GetName(), UID: user.GetUID(),
		Controller: ptr.To(false), BlockOwnerDeletion: ptr.To(false),
	}}
}

// Reselect returns the canary Service selecting what CanaryService made it select, whatever somebody
// else wrote there since.
func Reselect(canary, user *unstructured.Unstructured, hash string) *unstructured.Unstructured {
	selector := ownSelector(user)
	selector[v1alpha1.LabelTemplateHash] = hash
	if live, _, _ := unstructured.NestedStringMap(canary.Object, "spec", "selector"); maps.Equal(live, selector) {
		return canary
	}
	want := canary.DeepCopy()
	entry(want, "spec")["selector"] = anyMap(selector)
	return want
}

// PinTo returns the Service with its selector narrowed to the revision with this pod-template hash.
// Pinning again moves the pin.
func PinTo(live *unstructured.Unstructured, rollout, hash string) *unstructured.Unstructured {
	if PinnedTo(live) == hash && live.GetLabels()[v1alpha1.LabelPinned] == rollout {
		return live
	}
	pinned := live.DeepCopy()
	entry(pinned, "spec", "selector")[v1alpha1.LabelTemplateHash] = hash
	entry(pinned, "metadata", "labels")[v1alpha1.LabelPinned] = rollout
	return pinned
}

// Unpin returns the Service as it was before PinTo. The hash goes even where a foreign write took the
// label away: a Service left pinned would lose all its pods with the revision.
func Unpin(live *unstructured.Unstructured) *unstructured.Unstructured {
	if _, labelled := live.GetLabels()[v1alpha1.LabelPinned]; !labelled && PinnedTo(live) == "" {
		return live
	}
	free := live.DeepCopy()
	drop(free, v1alpha1.LabelTemplateHash, "spec", "selector")
	drop(free, v1alpha1.LabelPinned, "metadata", "labels")
	return free
}

// PinnedTo returns the pod-template hash that the Service is pinned to. Empty means that it selects by
// the user's labels alone.
func PinnedTo(live *unstructured.Unstructured) string {
	selector, _, _ := unstructured.NestedMap(live.Object, "spec", "selector")
	hash, _ := selector[v1alpha1.LabelTemplateHash].(string)
	return hash
}

// ownSelector returns the user's selector without our pin.
func ownSelector(svc *unstructured.Unstructured) map[string]string {
	own := map[string]string{}
	selector, _, _ := unstructured.NestedMap(svc.Object, "spec", "selector")
	for key, value := range selector {
		if text, ok := value.(string); ok && key != v1alpha1.LabelTemplateHash {
			own[key] = text
		}
	}
	return own
}

// portable returns what of labels or annotations may stand on a copy.
func portable(all map[string]string) map[string]string {
	kept := map[string]string{}
	for key, value := range all {
		foreign := foreignKeys[key]
		for _, prefix := range foreignPrefixes {
			foreign = foreign || strings.HasPrefix(key, prefix)
		}
		if !foreign {
			kept[key] = value
		}
	}
	return kept
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// entry returns the map at a path, and makes it where it is missing.
func entry(obj *unstructured.Unstructured, path ...string) map[string]any {
	at := obj.Object
	for _, field := range path {
		next, ok := at[field].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[field] = next
		}
		at = next
	}
	return at
}

// drop removes a key of the map at a path, and the map with its last key: the API server keeps no
// empty selectors and labels.
func drop(obj *unstructured.Unstructured, key, parent, field string) {
	holder, _ := obj.Object[parent].(map[string]any)
	m, _ := holder[field].(map[string]any)
	if _, ok := m[key]; !ok {
		return
	}
	delete(m, key)
	if len(m) == 0 {
		delete(holder, field)
	}
}
