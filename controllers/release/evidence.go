package release

import (
	"context"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// Analyst says what the evidence on the canary of a Release is.
type Analyst interface {
	// Judge returns the verdict on the Release as it stands, with one sentence that names what it rests on.
	// It is asked at each look while the canary has requests, so it must not block for long. An error is no
	// verdict: it counts as NoData, with the error as its reason.
	Judge(ctx context.Context, release *v1alpha1.Release) (v1alpha1.Verdict, string, error)
}

// evidence asks the analyst about a Release whose step is in effect; nil where nothing is to be judged. Of a step
// that is yet to begin nothing is known: the look at which it begins must not find that nothing is asked.
func (r *Reconciler) evidence(ctx context.Context, release *v1alpha1.Release) *planner.Evidence {
	stage := release.Status.Progress.Stage
	switch {
	case r.Analyst == nil || release.Status.Progress.Cause != "":
		return nil
	case takesRequests(release):
	case stage == "" || stage == v1alpha1.StageStepping:
		return &planner.Evidence{Verdict: v1alpha1.VerdictNoData, Message: "the step has yet to begin"}
	default:
		return nil
	}
	verdict, message, err := r.Analyst.Judge(ctx, release)
	if err != nil {
		return &planner.Evidence{Verdict: v1alpha1.VerdictNoData, Message: err.Error()}
	}
	return &planner.Evidence{Verdict: verdict, Message: message}
}

// takesRequests: the split of the step that the Release is at has been in effect.
func takesRequests(release *v1alpha1.Release) bool {
	n := len(release.Status.Steps)
	return n > 0 && release.Status.Steps[n-1].StartedAt != nil
}
