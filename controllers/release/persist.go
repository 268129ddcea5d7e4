package release

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// newsEvery is how often a status is written that tells how far a wait has come, but decides nothing:
// pods and routes pass through many states within a second.
const newsEvery = time.Second

// persist writes the decision to the Release's status; nothing else writes it. The update carries the
// resourceVersion that was read, so that a stale cache or a deposed leader is refused (409) before
// anything moves; it is sent even where nothing changed if there is something to fence. It returns
// when to look again for news that were held back; 0 if there are none.
func (r *Reconciler) persist(ctx context.Context, release *v1alpha1.Release, decision planner.Decision) (time.Duration, error) {
	decides := len(decision.Writes) > 0 ||
		!equality.Semantic.DeepEqual(release.Status.Progress, decision.Status.Progress) ||
		!equality.Semantic.DeepEqual(release.Status.Steps, decision.Status.Steps)
	if !decides {
		if equality.Semantic.DeepEqual(release.Status, decision.Status) {
			return 0, nil
		}
		if wait := newsEvery - r.Clock().Sub(r.fresh.lastNews(release.UID)); wait > 0 {
			return wait, nil
		}
	}
	release.Status = decision.Status
	if err := r.Client.Status().Update(ctx, release, client.FieldOwner(v1alpha1.FieldManager)); err != nil {
		return 0, r.failed("update", release, err)
	}
	release.ManagedFields = nil // they are half of it, and nobody here reads them
	r.fresh.tell(release)
	return 0, nil
}
