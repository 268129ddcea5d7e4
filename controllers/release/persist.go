package release

import (
	"context"
	"encoding/json"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// newsEvery is how often a status is written that tells how far a wait has come, but decides nothing:
// pods and routes pass through many states within a second.
const newsEvery = time.Second

// persist writes the decision to the Release's status; nothing else writes it. The write carries the
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
	return 0, r.writeStatus(ctx, release, decision.Status)
}

// writeStatus replaces the status of a Release at the version that was read. It asks for the metadata alone in
// answer: the rest is known.
func (r *Reconciler) writeStatus(ctx context.Context, release *v1alpha1.Release, status v1alpha1.ReleaseStatus) error {
	body, err := json.Marshal([]any{
		map[string]any{"op": "replace", "path": "/metadata/resourceVersion", "value": release.ResourceVersion},
		map[string]any{"op": "add", "path": "/status", "value": status},
	})
	if err != nil {
		return r.failed("patch", release, err)
	}
	answer := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: release.Namespace, Name: release.Name}}
	answer.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Release"))
	err = r.Client.Status().Patch(ctx, answer, client.RawPatch(types.JSONPatchType, body), client.FieldOwner(v1alpha1.FieldManager))
	if err != nil {
		return r.failed("patch", release, err)
	}
	release.Status, release.ResourceVersion = status, answer.ResourceVersion
	r.fresh.tell(release)
	return nil
}
