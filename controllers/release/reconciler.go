package release

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// Clock tells the time; the planner is given it once a reconcile.
type Clock func() time.Time

// staleRetry is when to look again where a cache has not caught up with our own write: its event
// comes first, unless the object went away.
const staleRetry = time.Second

// refusedRetry is when to look again after the first write that was refused; it doubles with each.
const refusedRetry = 10 * time.Millisecond

// atOnce has a Release looked at again without an event.
const atOnce = time.Nanosecond

// Reconcile brings one Release one decision further: load, observe, plan, persist, report, apply.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (ctrl.Result, error) {
	var cached v1alpha1.Release
	if err := r.Client.Get(ctx, req.NamespacedName, &cached); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(req.NamespacedName)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("read Release %s: %w", req.NamespacedName, err)
	}
	release := r.fresh.latestRelease(&cached)
	input, err := r.observe(ctx, release)
	if isStale(err) {
		return ctrl.Result{RequeueAfter: staleRetry}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	decision := r.plan(input)
	again, err := r.carryOut(ctx, release, decision)
	if err != nil {
		if movedOn(err) {
			return ctrl.Result{RequeueAfter: r.fresh.refused(release.UID)}, nil
		}
		return ctrl.Result{}, err
	}
	r.fresh.accepted(release.UID)
	return ctrl.Result{RequeueAfter: again}, nil
}

// movedOn: what was written to had changed, come or gone meanwhile.
func movedOn(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)
}

// forget drops what is known of a Release that is gone, or in flight no more.
func (r *Reconciler) forget(release types.NamespacedName) {
	r.fresh.forget(r.Views.Leave(release))
	if r.Prober != nil {
		r.Prober.Forget(release)
	}
	if r.Analyst != nil {
		r.Analyst.Forget(release)
	}
}

// carryOut persists the decision, which fences it, and only then acts on it. It returns when to look
// again.
func (r *Reconciler) carryOut(ctx context.Context, release *v1alpha1.Release, decision planner.Decision) (time.Duration, error) {
	before := release.DeepCopy()
	held, err := r.persist(ctx, release, decision)
	if err != nil {
		return 0, err
	}
	r.report(ctx, before, release, decision)
	r.probe(client.ObjectKeyFromObject(release), decision.Asks)
	if err := r.send(ctx, decision.Writes); err != nil {
		if !movedOn(err) {
			r.fresh.failed(release.UID)
		}
		return 0, err
	}
	if decision.Ended {
		return 0, r.finish(ctx, release)
	}
	if len(decision.Writes) > 0 && !slices.ContainsFunc(decision.Writes, answers) {
		return atOnce, nil
	}
	if held > 0 && (decision.Wake == 0 || held < decision.Wake) {
		return held, nil
	}
	return decision.Wake, nil
}

// finish takes our finalizer and the mark of activity off an ended Release. One whose Rollout is gone
// goes too: it would be an orphan.
func (r *Reconciler) finish(ctx context.Context, release *v1alpha1.Release) error {
	patch := client.MergeFromWithOptions(release.DeepCopy(), client.MergeFromWithOptimisticLock{})
	delete(release.Labels, v1alpha1.LabelActive)
	finalizers := release.Finalizers[:0]
	for _, f := range release.Finalizers {
		if f != v1alpha1.Finalizer {
			finalizers = append(finalizers, f)
		}
	}
	release.Finalizers = finalizers
	if err := r.Client.Patch(ctx, release, patch, client.FieldOwner(v1alpha1.FieldManager)); err != nil {
		return r.failed("patch", release, err)
	}
	r.fresh.tell(release)
	if release.Status.Outcome == v1alpha1.OutcomeDeleted && release.DeletionTimestamp == nil {
		if err := r.Client.Delete(ctx, release); client.IgnoreNotFound(err) != nil {
			return r.failed("delete", release, err)
		}
	}
	return nil
}
