package release_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload/nativedeployment"
)

// store is an API server for Services and routes. Objects are replaced, never changed in place.
type store struct {
	objects map[string]*unstructured.Unstructured
	// version was given last; the copies of a world share it, so that no two objects have the same.
	version *int64
}

func newStore() *store {
	return &store{objects: map[string]*unstructured.Unstructured{}, version: new(int64)}
}

// next is a version that no object has had.
func (s *store) next() string {
	*s.version++
	return strconv.FormatInt(*s.version, 10)
}

func keyOf(kind, name string) string { return kind + "/" + name }

// get returns a copy; nil if there is none.
func (s *store) get(kind, name string) *unstructured.Unstructured {
	if obj := s.objects[keyOf(kind, name)]; obj != nil {
		return obj.DeepCopy()
	}
	return nil
}

// put stores an object as somebody wrote it: with a new version if anything changed, and a new
// generation if the spec did.
func (s *store) put(obj *unstructured.Unstructured) {
	key := keyOf(obj.GetKind(), obj.GetName())
	obj = obj.DeepCopy()
	live := s.objects[key]
	if live == nil {
		obj.SetResourceVersion(s.next())
		obj.SetUID(types.UID(fmt.Sprintf("uid-of-%s-%s", obj.GetName(), obj.GetResourceVersion())))
		obj.SetGeneration(1)
		s.objects[key] = obj
		s.reflect(obj.GetKind())
		return
	}
	obj.SetUID(live.GetUID())
	obj.SetGeneration(live.GetGeneration())
	obj.SetResourceVersion(live.GetResourceVersion())
	if equality.Semantic.DeepEqual(live.Object, obj.Object) {
		return
	}
	if !equality.Semantic.DeepEqual(live.Object["spec"], obj.Object["spec"]) {
		obj.SetGeneration(live.GetGeneration() + 1)
	}
	obj.SetResourceVersion(s.next())
	s.objects[key] = obj
	s.reflect(obj.GetKind())
}

func (s *store) touch(kind, name string) {
	if obj := s.get(kind, name); obj != nil {
		annotate(obj.Object, time.Unix(*s.version, 0))
		s.put(obj)
	}
}

// annotate leaves a note that nobody reads.
func annotate(obj map[string]any, at time.Time) {
	_ = unstructured.SetNestedField(obj, at.String(), "metadata", "annotations", "touched")
}

// apply does a write, or refuses it as the API server would.
func (s *store) apply(w intent.Write) error {
	key := keyOf(w.Kind.Kind, w.Name)
	live := s.objects[key]
	resource := schema.GroupResource{Group: w.Kind.Group, Resource: w.Kind.Kind}
	if w.Verb == intent.Create {
		if live != nil {
			return apierrors.NewAlreadyExists(resource, w.Name)
		}
		s.put(w.Object)
		return nil
	}
	if live == nil {
		return apierrors.NewNotFound(resource, w.Name)
	}
	if w.UID != live.GetUID() || w.ResourceVersion != live.GetResourceVersion() {
		return apierrors.NewConflict(resource, w.Name, fmt.Errorf("decided on another version"))
	}
	if w.Verb == intent.Delete {
		delete(s.objects, key)
		s.reflect(w.Kind.Kind)
		return nil
	}
	before, err := json.Marshal(live.Object)
	if err != nil {
		return err
	}
	after, err := jsonpatch.MergePatch(before, w.Body)
	if err != nil {
		return err
	}
	want := &unstructured.Unstructured{}
	if err := want.UnmarshalJSON(after); err != nil {
		return err
	}
	s.put(want)
	return nil
}

// syncEndpoints is the EndpointSlice controller: one slice for each Service.
func (w *world) syncEndpoints() bool {
	made := map[string]*discoveryv1.EndpointSlice{}
	podLabels := map[types.UID]map[string]string{}
	for _, rs := range w.model.ReplicaSets {
		podLabels[rs.GetUID()], _, _ = unstructured.NestedStringMap(rs.Object, "spec", "template", "metadata", "labels")
	}
	for _, obj := range w.store.objects {
		if obj.GetKind() != "Service" {
			continue
		}
		slice := &discoveryv1.EndpointSlice{}
		for _, pod := range w.model.Pods {
			if selects(obj, podLabels[pod.Owner]) {
				slice.Endpoints = append(slice.Endpoints, endpointOf(pod))
			}
		}
		made[obj.GetName()] = slice
	}
	moved := !equality.Semantic.DeepEqual(w.slices, made)
	w.slices = made
	return moved
}

func endpointOf(pod nativedeployment.Pod) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: pod.Name, UID: types.UID("uid-of-" + pod.Name)},
		Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(pod.Ready && !pod.Terminating), Terminating: ptr.To(pod.Terminating)},
	}
}

func selects(service *unstructured.Unstructured, podLabels map[string]string) bool {
	selector, _, _ := unstructured.NestedStringMap(service.Object, "spec", "selector")
	return podLabels != nil && labels.SelectorFromSet(selector).Matches(labels.Set(podLabels))
}

// collectGarbage removes Services whose owner is gone.
func (w *world) collectGarbage() bool {
	alive := map[types.UID]bool{}
	for _, obj := range w.store.objects {
		alive[obj.GetUID()] = true
	}
	moved := false
	for key, obj := range w.store.objects {
		for _, owner := range obj.GetOwnerReferences() {
			if !alive[owner.UID] {
				delete(w.store.objects, key)
				w.store.reflect(obj.GetKind())
				moved = true
			}
		}
	}
	return moved
}

// acceptRoutes is the gateway's controller: it accepts every route at its generation.
func (w *world) acceptRoutes() bool {
	moved := false
	for _, key := range slices.Sorted(maps.Keys(w.store.objects)) {
		obj := w.store.objects[key]
		if obj.GetKind() != "HTTPRoute" || w.deaf || acceptedAt(obj) == obj.GetGeneration() {
			continue
		}
		w.store.put(accepted(obj))
		moved = true
	}
	return moved
}

// accepted is a route whose gateway has accepted its generation.
func accepted(route *unstructured.Unstructured) *unstructured.Unstructured {
	route = route.DeepCopy()
	condition := func(kind string) any {
		return map[string]any{"type": kind, "status": string(metav1.ConditionTrue), "observedGeneration": route.GetGeneration()}
	}
	route.Object["status"] = map[string]any{"parents": []any{map[string]any{
		"controllerName": "traefik.io/gateway-controller", "parentRef": map[string]any{"name": "web"},
		"conditions": []any{condition("Accepted"), condition("ResolvedRefs")},
	}}}
	return route
}

func acceptedAt(route *unstructured.Unstructured) int64 {
	parents := listIn(route, "status", "parents")
	if len(parents) == 0 {
		return 0
	}
	conditions, _ := parents[0].(map[string]any)["conditions"].([]any)
	at, _ := conditions[0].(map[string]any)["observedGeneration"].(int64)
	return at
}

// contend lets the rival write its route again.
func (w *world) contend() bool {
	live := w.store.get("HTTPRoute", "checkout")
	if w.rival == nil || live == nil {
		return false
	}
	want := w.rival.DeepCopy()
	want.Object["status"] = live.Object["status"]
	before := *w.store.version
	w.store.put(want)
	return *w.store.version != before
}

// canaryWeight is what the stored route sends to a canary Service by weight, and whether it has a rule
// that sends everything there by a match.
func canaryWeight(route *unstructured.Unstructured, service string) (ppm int32, matches bool) {
	if route == nil {
		return 0, false
	}
	for _, rule := range listIn(route, "spec", "rules") {
		refs, _ := rule.(map[string]any)["backendRefs"].([]any)
		var all, canary int64
		for _, ref := range refs {
			weight, ok := ref.(map[string]any)["weight"].(int64)
			if !ok {
				weight = 1
			}
			all += weight
			if ref.(map[string]any)["name"] == trafficrouting.CanaryOf(service) {
				canary += weight
			}
		}
		if canary > 0 && len(refs) == 1 && chooses(rule.(map[string]any)) {
			matches = true
			continue
		}
		if canary > 0 {
			ppm = max(ppm, int32(canary*int64(trafficrouting.Whole)/all))
		}
	}
	return ppm, matches
}

// chooses: a rule takes no request that says nothing of itself but its path.
func chooses(rule map[string]any) bool {
	matches, _ := rule["matches"].([]any)
	for _, match := range matches {
		_, byHeaders := match.(map[string]any)["headers"]
		_, byQuery := match.(map[string]any)["queryParams"]
		if !byHeaders && !byQuery {
			return false
		}
	}
	return len(matches) > 0
}

// mirrors: a rule of the route gives somebody copies of its requests.
func mirrors(route *unstructured.Unstructured) bool {
	for _, rule := range listIn(route, "spec", "rules") {
		filters, _ := rule.(map[string]any)["filters"].([]any)
		for _, filter := range filters {
			if filter.(map[string]any)["type"] == "RequestMirror" {
				return true
			}
		}
	}
	return false
}

// listIn is a list of an object, not copied.
func listIn(obj *unstructured.Unstructured, path ...string) []any {
	field, _, _ := unstructured.NestedFieldNoCopy(obj.Object, path...)
	list, _ := field.([]any)
	return list
}
