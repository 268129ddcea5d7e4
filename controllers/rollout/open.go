package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/apply"
	"crossfade.io/crossfade/workload"
)

// release decides what becomes of a held template: the stable one is let go, one that was rejected
// rests, any other gets a Release.
func (r *Reconciler) release(ctx context.Context, rollout *v1alpha1.Rollout, w world) (finding, error) {
	last, err := r.last(ctx, rollout)
	if err != nil {
		return finding{}, err
	}
	if last != nil && last.Labels[v1alpha1.LabelActive] != "" {
		return inFlight(last), nil // the cache has yet to see it; two at a time would fight
	}
	w = w.after(last)
	if w.stableAgain() {
		return r.letGo(ctx, rollout, w, last)
	}
	if last != nil && rejected(last) && rollout.Status.ForgivenRelease < last.Spec.Number && w.pods.Canary.UID == last.Status.Progress.Canary &&
		rollout.Annotations[v1alpha1.AnnotationRetry] != last.Name {
		return r.rest(ctx, w, last)
	}
	undo, err := r.undo(ctx, rollout, w.pods.Canary.UID)
	if err != nil {
		return finding{}, err
	}
	return r.open(ctx, rollout, last, undo)
}

// rest keeps a rejected template held and without pods: scaled to 0 and back, the native controller fills the newest
// revision, which is that one, and the Services select it too.
func (r *Reconciler) rest(ctx context.Context, w world, last *v1alpha1.Release) (finding, error) {
	moved, err := r.carry(ctx, w, workload.Want{Posture: workload.Park, Serving: true})
	if err != nil {
		return finding{}, err
	}
	quiet, again := !moved && w.pods.Settled && !w.pods.Borrowed && w.pods.Alone, time.Duration(0)
	if !quiet {
		again = lookAgain // whether pods serve is no event of the Deployment's
	}
	return finding{
		reason: v1alpha1.ReasonRevisionRejected, armed: true, held: true, heldReason: v1alpha1.ReasonRevisionRejected,
		quiet: quiet, again: again,
		message: fmt.Sprintf("the template was rejected by Release %s (%s) and is held; apply another template, or the stable one again, "+
			"or try it again with kubectl crossfade retry", last.Name, last.Status.Progress.CauseMessage),
	}, nil
}

// rejected: the Release ended with a verdict on its template.
func rejected(release *v1alpha1.Release) bool {
	return release.Status.Progress.Canary != "" &&
		(release.Status.Outcome == v1alpha1.OutcomeAborted || release.Status.Outcome == v1alpha1.OutcomeFailed)
}

// letGo takes the marker off the stable template: nothing is to be released.
func (r *Reconciler) letGo(ctx context.Context, rollout *v1alpha1.Rollout, w world, last *v1alpha1.Release) (finding, error) {
	found := settling("the stable template was applied again", lookAgain)
	if last != nil {
		found.forgiven = last.Spec.Number
	}
	// Persisted first: once let go, nothing shows that the stable template was held.
	if err := r.writeStatus(ctx, rollout, found); err != nil {
		return finding{}, err
	}
	_, err := r.carry(ctx, w, workload.Want{Posture: workload.Revert})
	return found, err
}

// carry brings the workload nearer to how it is to stand, and says whether there was anything to do.
func (r *Reconciler) carry(ctx context.Context, w world, want workload.Want) (bool, error) {
	writes, err := w.kind.Plan(w.objects, want)
	if err != nil {
		return false, err
	}
	for _, write := range writes {
		if _, err := apply.Send(ctx, r.Client, write); err != nil {
			return true, err
		}
	}
	return len(writes) > 0, nil
}

// last returns the Rollout's last Release; nil if there was none or it is gone.
func (r *Reconciler) last(ctx context.Context, rollout *v1alpha1.Rollout) (*v1alpha1.Release, error) {
	if rollout.Status.LastRelease == 0 {
		return nil, nil
	}
	var release v1alpha1.Release
	key := types.NamespacedName{Namespace: rollout.Namespace, Name: releaseName(rollout.Name, rollout.Status.LastRelease)}
	err := r.Reader.Get(ctx, key, &release)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Release %s: %w", key, err)
	}
	return &release, nil
}

func releaseName(rollout string, number int64) string { return fmt.Sprintf("%s-%d", rollout, number) }

// open makes the next Release: a snapshot of the Rollout.
func (r *Reconciler) open(ctx context.Context, rollout *v1alpha1.Rollout, last *v1alpha1.Release, undo *v1alpha1.Undo) (finding, error) {
	number := rollout.Status.LastRelease + 1
	if last != nil {
		number = max(number, last.Spec.Number+1)
	}
	described, refusal, err := r.descriptions(ctx, rollout)
	if err != nil {
		return finding{}, err
	}
	if refusal != "" { // a RouteKind that went since the routes were checked
		return stalled(v1alpha1.ReasonRouteUnsupported, refusal), nil
	}
	var templates []string
	if undo == nil { // an undo is not judged: whatever became of templates, the way back is open
		templates, refusal, err = r.templates(ctx, rollout)
		if err != nil {
			return finding{}, err
		}
		if refusal != "" {
			return stalled(v1alpha1.ReasonAnalysisInvalid, refusal), nil
		}
	}
	release := &v1alpha1.Release{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: rollout.Namespace, Name: releaseName(rollout.Name, number),
			Labels:     map[string]string{v1alpha1.LabelRollout: rollout.Name, v1alpha1.LabelActive: "true"},
			Finalizers: []string{v1alpha1.Finalizer},
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(rollout, v1alpha1.GroupVersion.WithKind("Rollout")),
			},
		},
		Spec: v1alpha1.ReleaseSpec{
			Rollout: v1alpha1.RolloutIdentity{Name: rollout.Name, UID: rollout.UID},
			Number:  number, Policy: *rollout.Spec.DeepCopy(), RouteKinds: described, AnalysisTemplates: templates, Undo: undo,
		},
	}
	err = r.Client.Create(ctx, release, client.FieldOwner(v1alpha1.FieldManager))
	if apierrors.IsAlreadyExists(err) {
		// Our status was behind: remember the number, so that the next look counts on from it.
		return finding{
			reason: v1alpha1.ReasonTemplateHeld, held: true, heldReason: v1alpha1.ReasonTemplateHeld,
			message: "a Release is being opened", number: number, again: conflictRetry,
		}, nil
	}
	if err != nil {
		return finding{}, fmt.Errorf("create Release %s/%s: %w", release.Namespace, release.Name, err)
	}
	r.Recorder.Eventf(rollout, release, corev1.EventTypeNormal, v1alpha1.EventReleaseOpened, "Release", "Release %s was opened", release.Name)
	if err := r.prune(ctx, rollout); err != nil {
		return finding{}, err
	}
	return inFlight(release), nil
}

// prune deletes the oldest ended Releases beyond the limit.
func (r *Reconciler) prune(ctx context.Context, rollout *v1alpha1.Rollout) error {
	limit := int64(3)
	if rollout.Spec.ReleaseHistoryLimit != nil {
		limit = int64(*rollout.Spec.ReleaseHistoryLimit)
	}
	if rollout.Status.LastRelease <= limit {
		return nil
	}
	ended, err := r.ended(ctx, rollout)
	if err != nil {
		return err
	}
	for i := int(min(limit, int64(len(ended)))); i < len(ended); i++ {
		if err := r.Client.Delete(ctx, &ended[i]); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete Release %s/%s: %w", ended[i].Namespace, ended[i].Name, err)
		}
	}
	return nil
}

// ended returns the Rollout's Releases that have ended, the latest first.
func (r *Reconciler) ended(ctx context.Context, rollout *v1alpha1.Rollout) ([]v1alpha1.Release, error) {
	var releases v1alpha1.ReleaseList
	if err := r.Reader.List(ctx, &releases, client.InNamespace(rollout.Namespace), client.MatchingLabels{v1alpha1.LabelRollout: rollout.Name}); err != nil {
		return nil, fmt.Errorf("list Releases of Rollout %s/%s: %w", rollout.Namespace, rollout.Name, err)
	}
	ended := slices.DeleteFunc(releases.Items, func(release v1alpha1.Release) bool { return release.Labels[v1alpha1.LabelActive] != "" })
	slices.SortFunc(ended, func(a, b v1alpha1.Release) int { return int(b.Spec.Number - a.Spec.Number) })
	return ended, nil
}
