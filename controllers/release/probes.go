package release

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/trafficrouting/probes"
)

// Prober asks the probes of Releases beside the reconciling.
type Prober interface {
	// Answers are what the probes of a Release have seen last.
	Answers(release types.NamespacedName) []probes.Answer
	// Ask has the questions asked, without blocking. Each is answered within seconds, if only with what is in the way.
	// tell is called whenever there is another answer.
	Ask(release types.NamespacedName, questions []probes.Question, tell func())
	// Forget drops what is known of a Release.
	Forget(release types.NamespacedName)
}

// probe has the questions of a decision asked.
func (r *Reconciler) probe(release types.NamespacedName, questions []probes.Question) {
	if r.Prober != nil && len(questions) > 0 {
		r.Prober.Ask(release, questions, func() { r.enqueue(reconcile.Request{NamespacedName: release}) })
	}
}

// probed is what is known of the probes of a Release.
func (r *Reconciler) probed(release types.NamespacedName) []probes.Answer {
	if r.Prober == nil {
		return nil
	}
	return r.Prober.Answers(release)
}
