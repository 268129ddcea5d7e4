package rollout

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// after returns what is seen of a workload when it is known which revision its last Release left stable.
func (w world) after(last *v1alpha1.Release) world {
	if last == nil || last.Status.Progress.Stable == "" {
		return w
	}
	w.objects.Stable = last.Status.Progress.Stable
	if last.Status.Outcome == v1alpha1.OutcomePromoted {
		w.objects.Stable = last.Status.Progress.Canary
	}
	w.pods = w.kind.Observe(w.objects)
	return w
}

// stableAgain: the template that is held is the one that serves.
func (w world) stableAgain() bool {
	return w.pods.Template == workload.TemplateStable && w.pods.Canary.Replicas == 0
}

// refusal is what stands against a release, or, where a template comes back, against that.
func (r *Reconciler) refusal(ctx context.Context, rollout *v1alpha1.Rollout, w world, proven bool) (finding, bool, error) {
	found, refused, err := r.unready(ctx, rollout, w, proven)
	if err != nil || !refused || found.reason != v1alpha1.ReasonRouteUnsupported {
		return found, refused, err
	}
	if back, err := r.goesBack(ctx, rollout, w); err != nil || !back {
		return found, refused, err
	}
	return r.unready(ctx, goingBack(rollout), w, proven)
}

// goesBack says whether a template that is held is one that served before, and comes back without steps.
func (r *Reconciler) goesBack(ctx context.Context, rollout *v1alpha1.Rollout, w world) (bool, error) {
	if !w.pods.Pending {
		return false, nil
	}
	last, err := r.last(ctx, rollout)
	if err != nil {
		return false, err
	}
	if w = w.after(last); w.stableAgain() {
		return true, nil
	}
	undo, err := r.undo(ctx, rollout, w.pods.Canary.UID)
	return undo != nil, err
}

// goingBack returns a Rollout as far as a way back takes it: by its first step's share at most. No copies of rules are made
// then, so that what somebody else attaches to the same Gateway stands against none.
func goingBack(rollout *v1alpha1.Rollout) *v1alpha1.Rollout {
	out := rollout.DeepCopy()
	out.Spec.Strategy = v1alpha1.Strategy{Steps: []v1alpha1.Step{trafficrouting.ByWeight(rollout.Spec.Strategy.Steps[0])}}
	return out
}

// undo says that a revision was replaced not longer ago than the Rollout's window for rollbacks; nil if it was not.
func (r *Reconciler) undo(ctx context.Context, rollout *v1alpha1.Rollout, revision types.UID) (*v1alpha1.Undo, error) {
	window := rollout.Spec.Rollback.Window
	if window == nil || revision == "" {
		return nil, nil
	}
	releases, err := r.ended(ctx, rollout)
	if err != nil {
		return nil, err
	}
	for _, release := range releases {
		// What an undo replaced was bad: it takes the steps if it comes again.
		if release.Status.Outcome == v1alpha1.OutcomePromoted && release.Spec.Undo == nil && release.Status.Progress.Stable == revision &&
			release.Status.EndedAt != nil && r.Clock().Sub(release.Status.EndedAt.Time) <= window.Duration.Duration {
			return &v1alpha1.Undo{Release: release.Name, Revision: revision}, nil
		}
	}
	return nil, nil
}
