package passage

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// annotationRevision is where the native controller counts the revisions of a Deployment.
const annotationRevision = "deployment.kubernetes.io/revision"

// Earlier is a revision to go back to.
type Earlier struct {
	// Number as kubectl rollout history counts.
	Number int64
	// Template without the label by which the native controller tells its revision.
	Template map[string]any
	// Message says in one clause what happens once it is applied.
	Message string
}

// Undo finds the revision of a number, or with 0 the one to go back to: stable, while a Release is in flight or what it
// rejected is held, else the one before.
func (s Sight) Undo(number int64) (Earlier, error) {
	rollout := &s.Snapshot.Rollouts[0]
	rel, last := reading.InFlight(rollout, s.Snapshot.Releases), reading.Last(rollout, s.Snapshot.Releases)
	if rel != nil && reading.PastReturn(rel) {
		return Earlier{}, fmt.Errorf("its Release %s is past the point of no return: the old pods go; undo it once it has ended", rel.Name)
	}
	pods := s.pods(last)
	message := "a Release takes it back, without holds if it was replaced within the Rollout's rollback.window"
	wanted := func(revision *unstructured.Unstructured) bool { return s.isBefore(revision, pods.Stable.UID) }
	switch {
	case rel != nil:
		message = fmt.Sprintf("Release %s takes all traffic back to it at once", rel.Name)
		wanted = func(revision *unstructured.Unstructured) bool { return revision.GetUID() == rel.Status.Progress.Stable }
	case pods.Pending && Rejects(last):
		message = fmt.Sprintf("what Release %s rejected is let go", last.Name)
		wanted = func(revision *unstructured.Unstructured) bool { return revision.GetUID() == pods.Stable.UID }
	}
	if number != 0 {
		wanted = func(revision *unstructured.Unstructured) bool { return numberOf(revision) == number }
	}
	revisions := slices.Clone(s.Revisions)
	slices.SortFunc(revisions, func(a, b *unstructured.Unstructured) int { return int(numberOf(b) - numberOf(a)) })
	i := slices.IndexFunc(revisions, wanted)
	switch {
	case i >= 0:
		return earlier(revisions[i], message)
	case number != 0:
		return Earlier{}, fmt.Errorf("it has no revision %d; kubectl rollout history lists those that are kept", number)
	}
	return Earlier{}, errors.New("it has no earlier revision; see revisionHistoryLimit of the Deployment")
}

// isBefore: the revision is older than the one that serves.
func (s Sight) isBefore(revision *unstructured.Unstructured, serving types.UID) bool {
	for _, other := range s.Revisions {
		if other.GetUID() == serving {
			return numberOf(revision) < numberOf(other)
		}
	}
	return false
}

func earlier(revision *unstructured.Unstructured, message string) (Earlier, error) {
	template, _, err := unstructured.NestedMap(revision.Object, "spec", "template")
	if err != nil {
		return Earlier{}, fmt.Errorf("read the template of ReplicaSet %s: %w", revision.GetName(), err)
	}
	unstructured.RemoveNestedField(template, "metadata", "labels", v1alpha1.LabelTemplateHash)
	return Earlier{Number: numberOf(revision), Template: template, Message: message}, nil
}

func numberOf(revision *unstructured.Unstructured) int64 {
	number, err := strconv.ParseInt(revision.GetAnnotations()[annotationRevision], 10, 64)
	if err != nil {
		return 0
	}
	return number
}
