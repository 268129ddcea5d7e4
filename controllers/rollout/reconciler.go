package rollout

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
)

var deploymentKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}

const (
	// lookAgain is when a Rollout that cannot be armed is checked again: what it misses is not watched.
	lookAgain = 15 * time.Second
	// conflictRetry is when to look again after somebody else wrote first.
	conflictRetry = 200 * time.Millisecond
)

// Reconcile arms the workload of one Rollout, or opens a Release for what its gate holds.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var rollout v1alpha1.Rollout
	err := r.Client.Get(ctx, req.NamespacedName, &rollout)
	if apierrors.IsNotFound(err) {
		return retryOnConflict(r.disarm(ctx, req.NamespacedName))
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("read Rollout %s: %w", req.NamespacedName, err)
	}
	if rollout.DeletionTimestamp != nil {
		return ctrl.Result{}, nil // its Release takes everything back; disarm follows when it is gone
	}
	active, err := r.active(ctx, req.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	if active != nil {
		r.memory.stir(&rollout)
		if active.Status.Progress.Cause != "" {
			r.memory.doubt(rollout.UID)
		}
		return retryOnConflict(r.writeStatus(ctx, &rollout, inFlight(active)))
	}
	if rollout.Spec.Suspend || r.LetGo {
		if err := r.disarm(ctx, req.NamespacedName); err != nil {
			return retryOnConflict(err)
		}
		r.memory.doubt(rollout.UID)
		return retryOnConflict(r.writeStatus(ctx, &rollout, r.suspended()))
	}
	doubts := r.memory.doubts(rollout.UID)
	finding, err := r.inspect(ctx, &rollout)
	if err != nil {
		return retryOnConflict(err)
	}
	if finding.unchanged {
		return ctrl.Result{}, nil
	}
	if err := r.writeStatus(ctx, &rollout, finding); err != nil {
		return retryOnConflict(err)
	}
	if finding.quiet {
		r.memory.settle(&rollout, finding.state, doubts)
	}
	return ctrl.Result{RequeueAfter: finding.again}, nil
}

// retryOnConflict turns a lost race into a quiet second look.
func retryOnConflict(err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	}
	return ctrl.Result{}, err
}

// active returns the Release in flight of a Rollout; nil if there is none.
func (r *Reconciler) active(ctx context.Context, rollout types.NamespacedName) (*v1alpha1.Release, error) {
	var releases v1alpha1.ReleaseList
	err := r.Client.List(ctx, &releases, client.InNamespace(rollout.Namespace), client.MatchingLabels{v1alpha1.LabelRollout: rollout.Name})
	if err != nil {
		return nil, fmt.Errorf("list Releases of Rollout %s: %w", rollout, err)
	}
	for i := range releases.Items {
		return &releases.Items[i], nil
	}
	return nil, nil
}

// inspect finds how the Rollout and its workload stand, and does the one thing that is due.
func (r *Reconciler) inspect(ctx context.Context, rollout *v1alpha1.Rollout) (finding, error) {
	deployment, err := r.workload(ctx, rollout)
	if err != nil {
		return finding{}, err
	}
	if deployment == nil {
		return stalled(v1alpha1.ReasonWorkloadNotFound, fmt.Sprintf(
			"Deployment %s does not exist in namespace %s; create it, or correct spec.workloadRef.name", rollout.Spec.WorkloadRef.Name, rollout.Namespace)), nil
	}
	state, err := stateOf(rollout, deployment)
	if err != nil {
		return finding{}, err
	}
	if r.memory.settledIn(rollout, state) {
		return finding{unchanged: true}, nil
	}
	proven := r.memory.provenFor(rollout, deployment)
	if proven && complete(deployment) {
		found, refused, err := r.checkAnalysis(ctx, rollout) // of which others may have taken a part
		if !refused {
			found = idle()
			found.state = state
		}
		return found, err
	}
	w, err := r.read(ctx, rollout, deployment)
	if err != nil {
		return finding{}, err
	}
	found, refused, err := r.refusal(ctx, rollout, w, proven)
	if refused || err != nil {
		return found, err
	}
	found, err = r.arm(ctx, rollout, w)
	found.state = state
	return found, err
}

// workload reads the Deployment: from the cache if it is armed, else from the API server.
func (r *Reconciler) workload(ctx context.Context, rollout *v1alpha1.Rollout) (*unstructured.Unstructured, error) {
	key := types.NamespacedName{Namespace: rollout.Namespace, Name: rollout.Spec.WorkloadRef.Name}
	for _, reader := range []client.Reader{r.Client, r.Reader} {
		deployment := deploymentObject()
		err := reader.Get(ctx, key, deployment)
		if err == nil {
			return deployment, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("read Deployment %s: %w", key, err)
		}
	}
	return nil, nil
}

// complete: nothing of the workload is held, paused or on its way, by its controller's own word.
func complete(deployment *unstructured.Unstructured) bool {
	number := func(path ...string) int64 {
		n, _, _ := unstructured.NestedInt64(deployment.Object, path...)
		return n
	}
	replicas, set, _ := unstructured.NestedInt64(deployment.Object, "spec", "replicas")
	if !set {
		replicas = 1
	}
	paused, _, _ := unstructured.NestedBool(deployment.Object, "spec", "paused")
	_, broken := deployment.GetLabels()[v1alpha1.LabelBreakGlass]
	return !paused && !broken && number("status", "observedGeneration") >= deployment.GetGeneration() &&
		number("status", "updatedReplicas") == replicas && number("status", "replicas") == replicas
}

func deploymentObject() *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(deploymentKind)
	return obj
}
