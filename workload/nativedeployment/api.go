package nativedeployment

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
)

// Apply does one write as the API server would. A write that was decided on another version of the
// object, or on another object of the name, is a conflict; one to an object that is not there is
// NotFound; one that the API server refuses is a BadRequest (apierrors tells them apart).
func (m *Model) Apply(w intent.Write) error {
	live := m.find(w.Kind.Kind, w.Name)
	resource := schema.GroupResource{Group: w.Kind.Group, Resource: w.Kind.Kind}
	if live == nil {
		return apierrors.NewNotFound(resource, w.Name)
	}
	if w.UID != live.GetUID() || w.ResourceVersion != live.GetResourceVersion() {
		return apierrors.NewConflict(resource, w.Name, fmt.Errorf("decided on %s at %s, it is %s at %s",
			w.UID, w.ResourceVersion, live.GetUID(), live.GetResourceVersion()))
	}
	switch w.Verb {
	case intent.Patch:
		return m.merge(live, w, resource)
	case intent.Scale:
		want := live.DeepCopy()
		put(want.Object, int64(w.Replicas), "spec", "replicas")
		return m.store(live, want)
	case intent.Delete:
		m.remove(live)
		return nil
	case intent.Create:
	}
	return apierrors.NewBadRequest(fmt.Sprintf("%s: not a write to a workload", w))
}

// merge applies a JSON merge patch, which must carry the fence.
func (m *Model) merge(live *unstructured.Unstructured, w intent.Write, resource schema.GroupResource) error {
	var fence struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	if err := json.Unmarshal(w.Body, &fence); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if fence.Metadata.UID != live.GetUID() || fence.Metadata.ResourceVersion != live.GetResourceVersion() {
		return apierrors.NewConflict(resource, w.Name, errors.New("the patch was made for another version"))
	}
	before, err := json.Marshal(live.Object)
	if err != nil {
		return fmt.Errorf("encode %s: %w", w.Name, err)
	}
	after, err := jsonpatch.MergePatch(before, w.Body)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	want := &unstructured.Unstructured{}
	if err := want.UnmarshalJSON(after); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	return m.store(live, want)
}

// Edit is a write to the Deployment by somebody else, whom no gate or guard answers.
func (m *Model) Edit(change func(obj map[string]any)) error {
	want := m.Deployment.DeepCopy()
	change(want.Object)
	return m.store(m.Deployment, want)
}

// EditReplicaSet is a write to a ReplicaSet by somebody else.
func (m *Model) EditReplicaSet(name string, change func(obj map[string]any)) error {
	live := m.find("ReplicaSet", name)
	if live == nil {
		return apierrors.NewNotFound(schema.GroupResource{Group: "apps", Resource: "replicasets"}, name)
	}
	want := live.DeepCopy()
	change(want.Object)
	return m.store(live, want)
}

// Scale is somebody's write of spec.replicas.
func (m *Model) Scale(replicas int32) error {
	return m.Edit(func(obj map[string]any) { put(obj, int64(replicas), "spec", "replicas") })
}

// Pause is a user's kubectl rollout pause, or resume.
func (m *Model) Pause(paused bool) error {
	return m.Edit(func(obj map[string]any) { put(obj, paused, "spec", "paused") })
}

// Gate is a user's change of the template, answered by the gate: paused and marked. A write that leaves
// the template as it is passes as it is.
func (m *Model) Gate(change func(template map[string]any)) error {
	return m.Edit(func(obj map[string]any) {
		template := child(obj, "spec", "template")
		before := (&unstructured.Unstructured{Object: template}).DeepCopy()
		change(template)
		if equality.Semantic.DeepEqual(before.Object, template) {
			return
		}
		put(obj, true, "spec", "paused")
		put(template, v1alpha1.PendingHeld, "metadata", "annotations", v1alpha1.AnnotationPending)
	})
}

func (m *Model) find(kind, name string) *unstructured.Unstructured {
	if kind == "Deployment" && m.Deployment != nil && m.Deployment.GetName() == name {
		return m.Deployment
	}
	for _, rs := range m.ReplicaSets {
		if kind == "ReplicaSet" && rs.GetName() == name {
			return rs
		}
	}
	return nil
}

// store replaces live by want, as the API server does: with a new version if anything changed, and a
// new generation if the spec did.
func (m *Model) store(live, want *unstructured.Unstructured) error {
	want.SetUID(live.GetUID())
	want.SetResourceVersion(live.GetResourceVersion())
	want.SetGeneration(live.GetGeneration())
	clean(want.Object)
	if equality.Semantic.DeepEqual(live.Object, want.Object) {
		return nil
	}
	if live == m.Deployment {
		if err := validate(want.Object); err != nil {
			return err
		}
	}
	if !equality.Semantic.DeepEqual(live.Object["spec"], want.Object["spec"]) {
		want.SetGeneration(live.GetGeneration() + 1)
	}
	m.version++
	want.SetResourceVersion(strconv.FormatInt(m.version, 10))
	if live == m.Deployment {
		m.Deployment = want
		return nil
	}
	m.ReplicaSets = slices.Clone(m.ReplicaSets)
	for i := range m.ReplicaSets {
		if m.ReplicaSets[i] == live {
			m.ReplicaSets[i] = want
		}
	}
	return nil
}

// clean leaves out what the API server leaves out because it is empty.
func clean(obj map[string]any) {
	for _, path := range [][]string{{"metadata"}, {"spec", "template", "metadata"}} {
		metadata := child(obj, path...)
		for _, key := range []string{"annotations", "labels"} {
			if inner, ok := metadata[key].(map[string]any); ok && len(inner) == 0 {
				delete(metadata, key)
			}
		}
	}
	spec := child(obj, "spec")
	if paused, ok := spec["paused"].(bool); ok && !paused {
		delete(spec, "paused")
	}
	if n, ok := number(obj, "spec", "minReadySeconds"); ok && n == 0 {
		delete(spec, "minReadySeconds")
	}
}

// validate refuses what the API server refuses of the fields that we borrow.
func validate(obj map[string]any) error {
	if n, ok := number(obj, "spec", "progressDeadlineSeconds"); ok {
		if ready, _ := number(obj, "spec", "minReadySeconds"); n <= ready {
			return apierrors.NewBadRequest("spec.progressDeadlineSeconds: must be greater than minReadySeconds")
		}
	}
	rolling := child(obj, "spec", "strategy", "rollingUpdate")
	if rolling != nil && isZero(rolling["maxSurge"]) && isZero(rolling["maxUnavailable"]) {
		return apierrors.NewBadRequest("spec.strategy.rollingUpdate: maxUnavailable may not be 0 when maxSurge is 0")
	}
	return nil
}

func isZero(bound any) bool {
	switch b := bound.(type) {
	case string:
		return b == "0%"
	case int64:
		return b == 0
	}
	return false
}

func (m *Model) remove(gone *unstructured.Unstructured) {
	m.version++
	if gone == m.Deployment {
		m.Deployment = nil
		return
	}
	m.ReplicaSets = slices.DeleteFunc(slices.Clone(m.ReplicaSets), func(rs *unstructured.Unstructured) bool { return rs == gone })
	m.Pods = slices.Clone(m.Pods)
	for i := range m.Pods {
		if m.Pods[i].Owner == gone.GetUID() {
			m.Pods[i].Terminating = true
		}
	}
}

// render is a pod as the API server has it.
func render(p Pod, rs *unstructured.Unstructured) *corev1.Pod {
	controller := true
	labels, _, _ := unstructured.NestedStringMap(rs.Object, "spec", "template", "metadata", "labels")
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: p.Name, Namespace: rs.GetNamespace(), UID: types.UID("uid-of-" + p.Name), Labels: labels,
			CreationTimestamp: metav1.NewTime(p.Created),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "ReplicaSet", Name: rs.GetName(), UID: rs.GetUID(), Controller: &controller,
			}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	ready := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(p.Created)}
	if p.Ready {
		ready.Status, ready.LastTransitionTime = corev1.ConditionTrue, metav1.NewTime(p.ReadySince)
	}
	pod.Status.Conditions = []corev1.PodCondition{ready}
	if p.Terminating {
		at := metav1.NewTime(p.Created)
		pod.DeletionTimestamp = &at
	}
	if p.Reason != "" {
		pod.Status.Phase = corev1.PodPending
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "app", RestartCount: p.Restarts,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: p.Reason, Message: "made to fail"}},
		}}
	}
	return pod
}
