package control

import (
	"fmt"
	"strings"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli/reading"
)

// Command is how this program is called.
const Command = "kubectl crossfade"

// name says which Release it is.
func name(rel *v1alpha1.Release) string {
	return fmt.Sprintf("Release %s/%s", rel.Namespace, rel.Name)
}

// command is what to type for a verb on the Release's Rollout.
func command(rel *v1alpha1.Release, verb string, flags ...string) string {
	words := append([]string{Command, verb, rel.Spec.Rollout.Name}, flags...)
	return strings.Join(append(words, "-n", rel.Namespace), " ")
}

// causeOf says why the Release goes back.
func causeOf(rel *v1alpha1.Release) string {
	p := rel.Status.Progress
	switch {
	case p.CauseMessage != "":
		return p.CauseMessage
	case p.Cause != "":
		return p.Cause
	}
	return "asked to abort"
}

// place says at which step the Release is; empty if at none.
func place(rel *v1alpha1.Release) string {
	if i := reading.Current(rel); i >= 0 {
		return " at step " + reading.Steps(rel)[i].Name
	}
	return ""
}

// stepAfter names what comes after a step.
func stepAfter(rel *v1alpha1.Release, i int) string {
	if steps := reading.Steps(rel); i+1 < len(steps) {
		return "step " + steps[i+1].Name
	}
	return "the promotion"
}

// whatNext says in one clause what the Release does or waits for.
func whatNext(rel *v1alpha1.Release) string {
	i := reading.Current(rel)
	switch {
	case reading.GoingBack(rel):
		return "it is going back (" + causeOf(rel) + ")"
	case reading.AwaitsApproval(rel):
		return fmt.Sprintf("it waits for approval of step %s: %s", reading.Steps(rel)[i].Name, command(rel, "approve"))
	case reading.Promoting(rel):
		return "it is promoting"
	case i < 0:
		return "it begins with step " + reading.Steps(rel)[0].Name
	case !reading.InEffect(rel):
		return fmt.Sprintf("step %s is not in effect yet", reading.Steps(rel)[i].Name)
	}
	return fmt.Sprintf("it goes on to %s once the hold of step %s is over", stepAfter(rel, i), reading.Steps(rel)[i].Name)
}

// backNext says how the Release goes back.
func backNext(rel *v1alpha1.Release) string {
	if reading.PastReturn(rel) {
		return "it is past the point of no return, so the promotion finishes, and then a Release takes the old version back by the same steps"
	}
	rollback := rel.Spec.Policy.Rollback
	text := "all traffic goes back to the stable version"
	if rollback.Traffic == "BySteps" {
		text += ", down the weights of the steps"
	}
	switch rollback.Then {
	case "Hold":
		return fmt.Sprintf("%s, and after %s of draining the canary's pods are kept for %s without requests", text, drainOf(rel), lookOf(rel))
	case "Revert":
		return fmt.Sprintf("%s, the canary's pods go after %s of draining, and the stable template is written back", text, drainOf(rel))
	}
	return fmt.Sprintf("%s, the canary's pods go after %s of draining, "+
		"and the rejected version stays held until another one is applied", text, drainOf(rel))
}

// unwaited says what a promotion asked for now does not wait for.
func unwaited(rel *v1alpha1.Release) string {
	steps := reading.Steps(rel)
	if i := reading.Current(rel); i >= 0 {
		steps = steps[i:]
	}
	var asking []string
	for _, step := range steps {
		if reading.NeedsApproval(rel, step) && !reading.Approved(rel, step.Name, reading.VisitToApprove(rel, step.Name)) {
			asking = append(asking, step.Name)
		}
	}
	if len(asking) > 0 {
		return "the rest of its steps, not even for approval of " + strings.Join(asking, ", ")
	}
	return "the rest of its steps"
}

// butFrozen reminds that a freeze holds the Release all the same; empty if none does.
func butFrozen(rel *v1alpha1.Release) string {
	if !reading.Frozen(rel) {
		return ""
	}
	return ", once its freeze is over"
}

// butPaused reminds that a paused Release does not move; empty if it is not paused.
func butPaused(rel *v1alpha1.Release) string {
	switch {
	case rel.Spec.Control.Paused:
		return "; but it is paused, go on with: " + command(rel, "resume")
	case reading.PausedByWorkload(rel):
		w := rel.Spec.Policy.WorkloadRef
		return fmt.Sprintf("; but its %s is paused, go on with: kubectl rollout resume %s/%s -n %s",
			w.Kind, lower(w.Kind), w.Name, rel.Namespace)
	}
	return ""
}

func lower(kind string) string { return strings.ToLower(kind) }
