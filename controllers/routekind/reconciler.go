package routekind

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// +kubebuilder:rbac:groups=crossfade.io,resources=routekinds,verbs=get;list;watch
// +kubebuilder:rbac:groups=crossfade.io,resources=routekinds/status,verbs=patch

// Reconciler says in RouteKinds whether they can be used. Nothing waits for it: whoever uses one compiles it.
type Reconciler struct {
	Client client.Client

	kinds Kinds
}

// SetupWithManager registers the Reconciler and its watch.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("routekind").
		For(&v1alpha1.RouteKind{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Complete(r)
}

// Reconcile writes the condition of one RouteKind.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var described v1alpha1.RouteKind
	if err := r.Client.Get(ctx, req.NamespacedName, &described); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	text, err := json.Marshal(described.Spec)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("encode RouteKind %s: %w", req.Name, err)
	}
	ready := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonCompiled,
		Message: "routes of this kind can be named in Rollouts", ObservedGeneration: described.Generation,
	}
	if _, _, err := r.kinds.Provider(string(text)); err != nil {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, v1alpha1.ReasonNotUnderstood, err.Error()
	}
	before := client.MergeFromWithOptions(described.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if !meta.SetStatusCondition(&described.Status.Conditions, ready) {
		return ctrl.Result{}, nil
	}
	if err := r.Client.Status().Patch(ctx, &described, before, client.FieldOwner(v1alpha1.FieldManager)); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return ctrl.Result{}, nil // its event is on the way
		}
		return ctrl.Result{}, fmt.Errorf("write the status of RouteKind %s: %w", req.Name, err)
	}
	return ctrl.Result{}, nil
}
