// Package passage says how far the template of a workload has come on its way to all of the traffic. It is pure.
package passage

import (
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/feed"
	"crossfade.io/crossfade/cli/reading"
	"crossfade.io/crossfade/workload"
	"crossfade.io/crossfade/workload/deployment"
)

// Sight is a Rollout and its workload, read in this order: workload, revisions, Releases. A workload that looks as if
// nothing were on its way was so before its Releases were read, so that a Release that has ended is not overlooked.
type Sight struct {
	Workload  *unstructured.Unstructured
	Revisions []*unstructured.Unstructured
	Snapshot  feed.Snapshot
}

// Place is how far a template has come.
type Place struct {
	// Over: it has all of the traffic, or never will.
	Over bool
	// Failure says why it never will; nil if it has, or is on its way.
	Failure error
	// Message says in one clause where it is.
	Message string
}

// Template is the workload's template without Crossfade's mark, such that two that are equal are the same version.
func (s Sight) Template() (string, error) {
	template, _, err := unstructured.NestedMap(s.Workload.Object, "spec", "template")
	if err != nil {
		return "", fmt.Errorf("read the template of Deployment %s: %w", s.Workload.GetName(), err)
	}
	unstructured.RemoveNestedField(template, "metadata", "annotations", v1alpha1.AnnotationPending)
	if annotations, _, _ := unstructured.NestedMap(template, "metadata", "annotations"); len(annotations) == 0 {
		unstructured.RemoveNestedField(template, "metadata", "annotations")
	}
	text, err := json.Marshal(template)
	if err != nil {
		return "", fmt.Errorf("encode the template of Deployment %s: %w", s.Workload.GetName(), err)
	}
	return string(text), nil
}

// Of says where a template is, as Template returned it.
func (s Sight) Of(template string) Place {
	rollout := &s.Snapshot.Rollouts[0]
	now, err := s.Template()
	if err != nil {
		return Place{Over: true, Failure: err}
	}
	if now != template {
		return Place{Over: true, Failure: errors.New("another template was applied meanwhile")}
	}
	if rel := reading.InFlight(rollout, s.Snapshot.Releases); rel != nil {
		return Place{Message: fmt.Sprintf("Release %s: %s", rel.Name, rel.Status.Message)}
	}
	last := reading.Last(rollout, s.Snapshot.Releases)
	pods := s.pods(last)
	switch {
	case pods.Pending && Rejects(last) && pods.Canary.UID == last.Status.Progress.Canary && rollout.Annotations[v1alpha1.AnnotationRetry] != last.Name:
		return Place{Over: true, Failure: fmt.Errorf("its Release %s ended as %s: %s", last.Name, last.Status.Outcome, last.Status.Progress.CauseMessage)}
	case pods.Pending:
		return Place{Message: "it is held, and a Release is about to begin"}
	case pods.PausedByUser:
		return Place{Message: "the Deployment is paused; kubectl rollout resume lets it go on"}
	case !s.complete():
		return Place{Message: "its pods are on their way"}
	case last != nil && last.Status.Outcome == v1alpha1.OutcomePromoted && pods.Stable.UID == last.Status.Progress.Canary:
		return Place{Over: true, Message: fmt.Sprintf("Release %s %s", last.Name, last.Status.Message)}
	}
	return Place{Over: true, Message: "all pods have it, and no Release is due"}
}

// Rejects says whether the Release ended with a verdict on its template.
func Rejects(rel *v1alpha1.Release) bool {
	return rel != nil && (rel.Status.Outcome == v1alpha1.OutcomeAborted || rel.Status.Outcome == v1alpha1.OutcomeFailed)
}

// pods are the revisions of the workload as they stand after its last Release.
func (s Sight) pods(last *v1alpha1.Release) workload.Pods {
	objects := workload.Objects{Workload: s.Workload, Revisions: s.Revisions}
	if last != nil {
		objects.Stable = last.Status.Progress.Stable
		if last.Status.Outcome == v1alpha1.OutcomePromoted {
			objects.Stable = last.Status.Progress.Canary
		}
	}
	return deployment.Kind{}.Observe(objects)
}

// complete: the workload's controller has seen its latest spec, and all of its pods are of that template and available.
func (s Sight) complete() bool {
	number := func(path ...string) int64 {
		n, _, _ := unstructured.NestedInt64(s.Workload.Object, path...)
		return n
	}
	wanted, set, _ := unstructured.NestedInt64(s.Workload.Object, "spec", "replicas")
	if !set {
		wanted = 1
	}
	return number("status", "observedGeneration") >= s.Workload.GetGeneration() && number("status", "updatedReplicas") == wanted &&
		number("status", "replicas") == wanted && number("status", "availableReplicas") == wanted
}
