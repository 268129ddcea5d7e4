package api_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/workload"
)

// nativePatience is how long anything may take on a busy machine.
const nativePatience = 90 * time.Second

var (
	nativeDeployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	nativeReplicaSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	nativePods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	nativeNamespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

// nativeCluster reads the real objects from watches, so that waiting for rests costs no requests.
type nativeCluster struct {
	ctx     context.Context
	client  dynamic.Interface
	listers map[schema.GroupVersionResource]cache.GenericLister
}

func newNativeCluster(t *testing.T) *nativeCluster {
	t.Helper()
	client, err := dynamic.NewForConfig(config(t))
	require.NoError(t, err)
	c := &nativeCluster{ctx: t.Context(), client: client, listers: map[schema.GroupVersionResource]cache.GenericLister{}}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	for _, resource := range []schema.GroupVersionResource{nativeDeployments, nativeReplicaSets, nativePods} {
		c.listers[resource] = factory.ForResource(resource).Lister()
	}
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	return c
}

func (c *nativeCluster) namespace(t *testing.T, worker int) string {
	t.Helper()
	obj := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"generateName": fmt.Sprintf("nativemodel-%d-", worker)},
	}}
	made, err := c.client.Resource(nativeNamespaces).Create(t.Context(), obj, metav1.CreateOptions{})
	require.NoError(t, err)
	name := made.GetName()
	t.Cleanup(func() {
		_ = c.client.Resource(nativeNamespaces).Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{})
	})
	return name
}

// realSide is one real Deployment.
type realSide struct {
	t       *testing.T
	cluster *nativeCluster
	obj     *unstructured.Unstructured
	// written are versions that the watches must have reached before what they show is a rest.
	written map[types.UID]int64
	// snapshot is what the last rest was, until something is written.
	snapshot *workload.Objects
	// expect is what the model shows at this rest. A real rest that differs is looked at for longer, in
	// case it is none.
	expect []string
}

func (r *realSide) on(resource schema.GroupVersionResource) dynamic.ResourceInterface {
	return r.cluster.client.Resource(resource).Namespace(r.obj.GetNamespace())
}

func (r *realSide) create() error {
	r.written = map[types.UID]int64{}
	made, err := r.on(nativeDeployments).Create(r.cluster.ctx, r.obj, metav1.CreateOptions{})
	return r.wrote(made, err)
}

func (r *realSide) remove() {
	background := metav1.DeletePropagationBackground
	_ = r.on(nativeDeployments).Delete(r.cluster.ctx, r.obj.GetName(), metav1.DeleteOptions{PropagationPolicy: &background})
}

// wrote notes the version of a write, so that the watches are waited for.
func (r *realSide) wrote(obj *unstructured.Unstructured, err error) error {
	if err != nil {
		return err
	}
	r.snapshot = nil
	version, err := strconv.ParseInt(obj.GetResourceVersion(), 10, 64)
	r.written[obj.GetUID()] = version
	return err
}

func (r *realSide) list(resource schema.GroupVersionResource) []*unstructured.Unstructured {
	found, err := r.cluster.listers[resource].ByNamespace(r.obj.GetNamespace()).List(labels.SelectorFromSet(labels.Set{"app": r.obj.GetName()}))
	require.NoError(r.t, err)
	var out []*unstructured.Unstructured
	for _, obj := range found {
		out = append(out, obj.(*unstructured.Unstructured))
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out
}

// read reads everything from the API server itself.
func (r *realSide) read() (workload.Objects, error) {
	out := workload.Objects{Now: time.Now()}
	var err error
	if out.Workload, err = r.on(nativeDeployments).Get(r.cluster.ctx, r.obj.GetName(), metav1.GetOptions{}); err != nil {
		return out, err
	}
	options := metav1.ListOptions{LabelSelector: "app=" + r.obj.GetName()}
	revisions, err := r.on(nativeReplicaSets).List(r.cluster.ctx, options)
	if err != nil {
		return out, err
	}
	pods, err := r.on(nativePods).List(r.cluster.ctx, options)
	if err != nil {
		return out, err
	}
	for i := range revisions.Items {
		out.Revisions = append(out.Revisions, &revisions.Items[i])
	}
	for i := range pods.Items {
		pod := &corev1.Pod{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(pods.Items[i].Object, pod); err != nil {
			return out, err
		}
		out.Pods = append(out.Pods, pod)
	}
	return out, nil
}

func (r *realSide) Objects() workload.Objects {
	if r.snapshot != nil {
		return *r.snapshot
	}
	out := workload.Objects{Now: time.Now()}
	if obj, err := r.cluster.listers[nativeDeployments].ByNamespace(r.obj.GetNamespace()).Get(r.obj.GetName()); err == nil {
		out.Workload = obj.(*unstructured.Unstructured).DeepCopy()
	}
	for _, rs := range r.list(nativeReplicaSets) {
		out.Revisions = append(out.Revisions, rs.DeepCopy())
	}
	for _, obj := range r.list(nativePods) {
		pod := &corev1.Pod{}
		require.NoError(r.t, runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, pod))
		out.Pods = append(out.Pods, pod)
	}
	return out
}

func (r *realSide) Apply(w intent.Write) error {
	resource := nativeDeployments
	if w.Kind.Kind == "ReplicaSet" {
		resource = nativeReplicaSets
	}
	switch w.Verb {
	case intent.Patch:
		return r.wrote(r.on(resource).Patch(r.cluster.ctx, w.Name, types.MergePatchType, w.Body, metav1.PatchOptions{}))
	case intent.Scale:
		scale := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "autoscaling/v1", "kind": "Scale",
			"metadata": map[string]any{"name": w.Name, "namespace": w.Namespace, "uid": string(w.UID), "resourceVersion": w.ResourceVersion},
			"spec":     map[string]any{"replicas": int64(w.Replicas)},
		}}
		return r.wrote(r.on(resource).Update(r.cluster.ctx, scale, metav1.UpdateOptions{}, "scale"))
	case intent.Create, intent.Delete:
	}
	return fmt.Errorf("%s: not a write to a workload", w)
}

func (r *realSide) Edit(change func(obj map[string]any)) error {
	return r.edit(nativeDeployments, r.obj.GetName(), "", change)
}

func (r *realSide) EditReplicaSet(name string, change func(obj map[string]any)) error {
	return r.edit(nativeReplicaSets, name, "", change)
}

// edit reads and writes until nobody comes between.
func (r *realSide) edit(resource schema.GroupVersionResource, name, subresource string, change func(obj map[string]any)) error {
	var last error
	err := wait.PollUntilContextTimeout(r.cluster.ctx, 5*time.Millisecond, nativePatience, true, func(ctx context.Context) (bool, error) {
		var obj *unstructured.Unstructured
		if obj, last = r.on(resource).Get(ctx, name, metav1.GetOptions{}); last != nil {
			return false, last
		}
		change(obj.Object)
		var subresources []string
		if subresource != "" {
			subresources = append(subresources, subresource)
		}
		last = r.wrote(r.on(resource).Update(ctx, obj, metav1.UpdateOptions{}, subresources...))
		return last == nil, nil
	})
	return errors.Join(err, last)
}

func (r *realSide) SetReady(name string, ready bool) error {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	return r.edit(nativePods, name, "status", func(obj map[string]any) {
		conditions, _, _ := unstructured.NestedSlice(obj, "status", "conditions")
		for _, c := range conditions {
			if condition := c.(map[string]any); condition["type"] == "Ready" {
				condition["status"] = string(status)
				condition["lastTransitionTime"] = metav1.Now().UTC().Format(time.RFC3339)
			}
		}
		_ = unstructured.SetNestedSlice(obj, conditions, "status", "conditions")
	})
}

func (r *realSide) DeletePod(name string) error {
	r.snapshot = nil
	if err := r.on(nativePods).Delete(r.cluster.ctx, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(r.cluster.ctx, time.Millisecond, nativePatience, true, func(context.Context) (bool, error) {
		pods := r.list(nativePods)
		return !slices.ContainsFunc(pods, func(pod *unstructured.Unstructured) bool {
			return pod.GetName() == name && pod.GetDeletionTimestamp() == nil
		}), nil
	})
}

func isReady(c corev1.PodCondition) bool {
	return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
}

// Rest waits until nothing more can move: every party has seen the last version of what it acts on, and
// two looks show the same versions. It also waits for the next second after a ReplicaSet was made, as the
// controller orders them by that. It fails with what is still moving.
func (r *realSide) Rest() error {
	r.snapshot = nil
	var before, moving string
	same, differs := 0, 0
	err := wait.PollUntilContextTimeout(r.cluster.ctx, 15*time.Millisecond, nativePatience, true, func(context.Context) (bool, error) {
		o := r.Objects()
		if moving = r.moving(o); moving != "" {
			same = 0
			return false, nil
		}
		now := versions(o)
		if now != before {
			moving = "something is written: " + before + " became " + now
			before, same, differs = now, 0, 0
			return false, nil
		}
		if same++; same < 3 {
			return false, nil
		}
		// One watch may lag behind the others, so the API server has the last word.
		fresh, err := r.read()
		if err != nil || versions(fresh) != now {
			same, moving = 0, "the watches lag behind: "+now+" is "+versions(fresh)
			return false, err
		}
		// The controllers back off for up to a few seconds after conflicts.
		if r.expect != nil && !slices.Equal(r.expect, nativePicture(o)) {
			if differs++; differs < 10 {
				return false, nil
			}
		}
		r.snapshot = &fresh
		return true, nil
	})
	r.expect = nil
	if err != nil {
		return fmt.Errorf("come to rest: %w: %s; %s", err, moving, strings.Join(nativePicture(r.Objects()), "; "))
	}
	return nil
}

func versions(o workload.Objects) string {
	out := []string{o.Workload.GetResourceVersion()}
	for _, rs := range o.Revisions {
		out = append(out, rs.GetName()+rs.GetResourceVersion())
	}
	for _, pod := range o.Pods {
		out = append(out, pod.Name+pod.ResourceVersion)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// moving names one thing that is not at rest.
func (r *realSide) moving(o workload.Objects) string {
	if o.Workload == nil {
		return "the Deployment is not there yet"
	}
	if !r.reached(o.Workload) || !observed(o.Workload) {
		return "the Deployment's spec is not seen"
	}
	sums := map[string]int64{}
	for _, rs := range o.Revisions {
		if what := r.movingRevision(o, rs, sums); what != "" {
			return rs.GetName() + ": " + what
		}
	}
	for _, field := range []string{"replicas", "readyReplicas", "availableReplicas"} {
		if n, _, _ := unstructured.NestedInt64(o.Workload.Object, "status", field); n != sums[field] {
			return "the Deployment's status is not up to date: " + field
		}
	}
	return ""
}

func (r *realSide) movingRevision(o workload.Objects, rs *unstructured.Unstructured, sums map[string]int64) string {
	if !r.reached(rs) || !observed(rs) {
		return "its spec is not seen"
	}
	if !rs.GetCreationTimestamp().Add(time.Second).Before(o.Now) {
		return "it was made in this second"
	}
	var pods, ready int64
	for _, pod := range o.Pods {
		if pod.OwnerReferences[0].UID != rs.GetUID() {
			continue
		}
		if pod.DeletionTimestamp != nil {
			return pod.Name + " is terminating"
		}
		pods++
		switch {
		case slices.ContainsFunc(pod.Status.Conditions, isReady):
			ready++
		case pod.Spec.NodeSelector == nil && pod.Status.Phase != corev1.PodRunning:
			return pod.Name + " starts"
		}
	}
	available := ready
	if n, _, _ := unstructured.NestedInt64(rs.Object, "spec", "minReadySeconds"); n > 0 {
		available = 0
	}
	size, _, _ := unstructured.NestedInt64(rs.Object, "spec", "replicas")
	if size != pods {
		return fmt.Sprintf("%d pods of %d", pods, size)
	}
	for field, want := range map[string]int64{"replicas": pods, "readyReplicas": ready, "availableReplicas": available} {
		n, _, _ := unstructured.NestedInt64(rs.Object, "status", field)
		if n != want {
			return fmt.Sprintf("status.%s is %d, not %d", field, n, want)
		}
		sums[field] += n
	}
	return ""
}

func (r *realSide) reached(obj *unstructured.Unstructured) bool {
	version, err := strconv.ParseInt(obj.GetResourceVersion(), 10, 64)
	return err == nil && version >= r.written[obj.GetUID()]
}

func observed(obj *unstructured.Unstructured) bool {
	n, _, _ := unstructured.NestedInt64(obj.Object, "status", "observedGeneration")
	return n >= obj.GetGeneration()
}
