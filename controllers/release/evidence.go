package release

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// Analyst collects and judges the evidence on canaries, beside the reconciling.
type Analyst interface {
	// Judge returns what is known by now about a Release in flight, and goes on to collect, without blocking; nil if its policy
	// asks for no analysis. It is asked at each look until the Release turns back. tell is called whenever there is something
	// else to say.
	Judge(release *v1alpha1.Release, tell func()) *planner.Evidence
	// Forget drops what is known of a Release.
	Forget(release types.NamespacedName)
}

// evidence asks the analyst about a Release that goes forward; nil where nothing is to be judged. What was shown before the
// split of the present step is in effect lets nothing pass: of that step nothing is known yet.
func (r *Reconciler) evidence(release *v1alpha1.Release) *planner.Evidence {
	if r.Analyst == nil || release.Status.Progress.Cause != "" {
		return nil
	}
	key := client.ObjectKeyFromObject(release)
	evidence := r.Analyst.Judge(release, func() { r.enqueue(reconcile.Request{NamespacedName: key}) })
	if evidence == nil || takesRequests(release) || evidence.Verdict == v1alpha1.VerdictFail && tookRequests(release) {
		return evidence
	}
	yet := *evidence
	yet.Verdict, yet.Message = v1alpha1.VerdictNoData, "the step has yet to begin"
	return &yet
}

// takesRequests: the split of the step that the Release is at has been in effect.
func takesRequests(release *v1alpha1.Release) bool {
	n := len(release.Status.Steps)
	return n > 0 && release.Status.Steps[n-1].StartedAt != nil
}

// tookRequests: the split of any step has been in effect.
func tookRequests(release *v1alpha1.Release) bool {
	return slices.ContainsFunc(release.Status.Steps, func(s v1alpha1.StepStatus) bool { return s.StartedAt != nil })
}
