package rollout

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/freeze"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// world is what a Rollout's workload looks like while no Release is in flight.
type world struct {
	kind    workload.Kind
	objects workload.Objects
	pods    workload.Pods
}

// read gathers the revisions and pods of the workload. A held template is about to be released, so that
// its namespace is watched; an idle workload's is not, and is read from the API server.
func (r *Reconciler) read(ctx context.Context, rollout *v1alpha1.Rollout, deployment *unstructured.Unstructured) (world, error) {
	ref := rollout.Spec.WorkloadRef
	w := world{kind: r.Kinds[schema.GroupKind{Group: ref.Group, Kind: ref.Kind}]}
	w.objects = workload.Objects{Workload: deployment, Now: r.Clock(), Ignored: r.Ignored}
	selector, err := selectorOf(deployment)
	if err != nil {
		return w, err
	}
	reader := r.Reader
	if w.kind.Observe(w.objects).Pending {
		if reader, err = r.Lenses.Open(ctx, rollout.Namespace); err != nil {
			return w, err
		}
	}
	revisions := &unstructured.UnstructuredList{}
	revisions.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSetList"})
	matching := []client.ListOption{client.InNamespace(rollout.Namespace), client.MatchingLabelsSelector{Selector: selector}}
	if err := reader.List(ctx, revisions, matching...); err != nil {
		return w, fmt.Errorf("list ReplicaSets of Deployment %s: %w", deployment.GetName(), err)
	}
	own := map[types.UID]bool{}
	for i := range revisions.Items {
		if owner := metav1.GetControllerOf(&revisions.Items[i]); owner != nil && owner.UID == deployment.GetUID() {
			own[revisions.Items[i].GetUID()] = true
			w.objects.Revisions = append(w.objects.Revisions, &revisions.Items[i])
		}
	}
	var pods corev1.PodList
	if err := reader.List(ctx, &pods, matching...); err != nil {
		return w, fmt.Errorf("list pods of Deployment %s: %w", deployment.GetName(), err)
	}
	for i := range pods.Items {
		if owner := metav1.GetControllerOf(&pods.Items[i]); owner != nil && own[owner.UID] {
			w.objects.Pods = append(w.objects.Pods, &pods.Items[i])
		}
	}
	w.pods = w.kind.Observe(w.objects)
	return w, nil
}

func selectorOf(deployment *unstructured.Unstructured) (labels.Selector, error) {
	matchLabels, _, _ := unstructured.NestedMap(deployment.Object, "spec", "selector")
	var typed metav1.LabelSelector
	if err := fromMap(matchLabels, &typed); err != nil {
		return nil, fmt.Errorf("decode the selector of Deployment %s: %w", deployment.GetName(), err)
	}
	return metav1.LabelSelectorAsSelector(&typed)
}

// unready is what stands against the steps of a Rollout. What was proven of it is not checked again, but for what others may
// have attached to its Services and routes since, once a template waits.
func (r *Reconciler) unready(ctx context.Context, rollout *v1alpha1.Rollout, w world, proven bool) (finding, bool, error) {
	if !proven {
		if found, refused, err := r.check(ctx, rollout, w); refused || err != nil {
			return found, refused, err
		}
	}
	if !w.pods.Pending {
		return r.checkAnalysis(ctx, rollout) // where a template is held it is checked once a Release opens: ways back need none
	}
	for _, ref := range rollout.Spec.RouteRefs {
		if !proven {
			break
		}
		found, refused, err := r.checkRoute(ctx, rollout, ref)
		if err != nil || refused && found.reason == v1alpha1.ReasonRouteUnsupported {
			return found, refused, err
		}
	}
	return finding{}, false, nil
}

// check refuses what cannot be released as asked, before anything is touched.
func (r *Reconciler) check(ctx context.Context, rollout *v1alpha1.Rollout, w world) (finding, bool, error) {
	if taken, err := r.takenBy(ctx, rollout); err != nil || taken != "" {
		return stalled(v1alpha1.ReasonWorkloadTaken, fmt.Sprintf(
			"Rollout %s already releases Deployment %s; delete one of the two", taken, rollout.Spec.WorkloadRef.Name)), taken != "", err
	}
	if refusal := freeze.Refusal(rollout.Spec.Freezes); refusal != "" {
		return stalled(v1alpha1.ReasonFreezeInvalid, refusal), true, nil
	}
	if refusal := w.kind.Capabilities(w.objects).Refusal; refusal != "" {
		return stalled(v1alpha1.ReasonWorkloadUnsupported, refusal), true, nil
	}
	for _, ref := range rollout.Spec.ServiceRefs {
		if found, refused, err := r.checkService(ctx, rollout, w, ref.Name); refused || err != nil {
			return found, refused, err
		}
	}
	for i, ref := range rollout.Spec.RouteRefs {
		if slices.ContainsFunc(rollout.Spec.RouteRefs[:i], func(other v1alpha1.RouteRef) bool { return same(ref, other, rollout.Namespace) }) {
			return stalled(v1alpha1.ReasonRouteUnsupported, fmt.Sprintf("%s %s is named twice in spec.routeRefs; name each route once", ref.Kind, ref.Name)), true, nil
		}
		if found, refused, err := r.checkRoute(ctx, rollout, ref); refused || err != nil {
			return found, refused, err
		}
	}
	return finding{}, false, nil
}

// same says whether two references are to one route, by the one namespace that a Rollout's schema does not know.
func same(a, b v1alpha1.RouteRef, namespace string) bool {
	return a.Group == b.Group && a.Kind == b.Kind && a.Name == b.Name && ptr.Deref(a.Namespace, namespace) == ptr.Deref(b.Namespace, namespace)
}

// takenBy names the Rollout that had the workload first; "" if that is this one.
func (r *Reconciler) takenBy(ctx context.Context, rollout *v1alpha1.Rollout) (string, error) {
	var rollouts v1alpha1.RolloutList
	if err := r.Client.List(ctx, &rollouts, client.InNamespace(rollout.Namespace)); err != nil {
		return "", fmt.Errorf("list Rollouts of namespace %s: %w", rollout.Namespace, err)
	}
	for _, other := range rollouts.Items {
		if other.UID == rollout.UID || other.Spec.WorkloadRef != rollout.Spec.WorkloadRef || other.DeletionTimestamp != nil {
			continue
		}
		older := other.CreationTimestamp.Before(&rollout.CreationTimestamp)
		same := other.CreationTimestamp.Equal(&rollout.CreationTimestamp)
		if older || same && other.Name < rollout.Name {
			return other.Name, nil
		}
	}
	return "", nil
}

func (r *Reconciler) checkService(ctx context.Context, rollout *v1alpha1.Rollout, w world, name string) (finding, bool, error) {
	kind := corev1.SchemeGroupVersion.WithKind("Service")
	service, err := r.get(ctx, kind, rollout.Namespace, name)
	if err != nil {
		return finding{}, false, err
	}
	if service == nil {
		return stalled(v1alpha1.ReasonServiceNotFound, fmt.Sprintf(
			"Service %s does not exist in namespace %s; create it, or correct spec.serviceRefs", name, rollout.Namespace)), true, nil
	}
	canary, err := r.get(ctx, kind, rollout.Namespace, trafficrouting.CanaryOf(name))
	if err != nil {
		return finding{}, false, err
	}
	neighbours, err := r.neighbours(ctx, service, w)
	if err != nil {
		return finding{}, false, err
	}
	podLabels, _, _ := unstructured.NestedStringMap(w.objects.Workload.Object, "spec", "template", "metadata", "labels")
	if refusal := trafficrouting.ServiceRefusal(service, canary, rollout.Name, podLabels, neighbours); refusal != "" {
		return stalled(v1alpha1.ReasonServiceUnsupported, refusal), true, nil
	}
	return finding{}, false, nil
}

// neighbours are the pods that the Service selects and the workload does not own.
func (r *Reconciler) neighbours(ctx context.Context, service *unstructured.Unstructured, w world) ([]trafficrouting.Neighbour, error) {
	selector, _, _ := unstructured.NestedStringMap(service.Object, "spec", "selector")
	if len(selector) == 0 {
		return nil, nil
	}
	var pods corev1.PodList
	if err := r.Reader.List(ctx, &pods, client.InNamespace(service.GetNamespace()), client.MatchingLabels(selector)); err != nil {
		return nil, fmt.Errorf("list the pods of Service %s: %w", service.GetName(), err)
	}
	own := map[types.UID]bool{}
	for _, revision := range w.objects.Revisions {
		own[revision.GetUID()] = true
	}
	var neighbours []trafficrouting.Neighbour
	for i := range pods.Items {
		pod := &pods.Items[i]
		owner := metav1.GetControllerOf(pod)
		if owner != nil && own[owner.UID] {
			continue
		}
		name := "pod " + pod.Name
		if owner != nil {
			name = owner.Kind + " " + owner.Name
		}
		neighbours = append(neighbours, trafficrouting.Neighbour{Name: name, PodLabels: pod.Labels})
	}
	return neighbours, nil
}

// get reads one object from the API server; nil if it does not exist. Where not even its kind does, as
// after its CRD was deleted, that is a NoKindMatchError.
func (r *Reconciler) get(ctx context.Context, kind schema.GroupVersionKind, namespace, name string) (*unstructured.Unstructured, error) {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(kind)
	err := r.Reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, obj)
	if apierrors.IsNotFound(err) {
		if apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse) {
			return nil, &meta.NoKindMatchError{GroupKind: kind.GroupKind(), SearchedVersions: []string{kind.Version}}
		}
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", kind.Kind, path.Join(namespace, name), err)
	}
	return obj, nil
}

// stalled is the finding over a Rollout that needs a human; it is looked at again by itself.
func stalled(reason, message string) finding {
	return finding{reason: reason, message: message, stalled: true, again: lookAgain}
}

// settling is the finding over a workload that is on its way by itself.
func settling(message string, again time.Duration) finding {
	return finding{reason: v1alpha1.ReasonWorkloadUnsettled, message: message, again: again}
}
