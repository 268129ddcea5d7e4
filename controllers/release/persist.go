package release

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// persist writes the decision to the Release's status; nothing else writes it. The update carries the
// resourceVersion that was read, so that a stale cache or a deposed leader is refused (409) before
// anything moves; it is sent even where nothing changed if there is something to fence.
func (r *Reconciler) persist(ctx context.Context, release *v1alpha1.Release, decision planner.Decision) error {
	if len(decision.Writes) == 0 && equality.Semantic.DeepEqual(release.Status, decision.Status) {
		return nil
	}
	release.Status = decision.Status
	if err := r.Client.Status().Update(ctx, release, client.FieldOwner(v1alpha1.FieldManager)); err != nil {
		return r.failed("update", release, err)
	}
	r.fresh.wrote(release)
	return nil
}
