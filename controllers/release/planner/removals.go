package planner

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// removals takes away what the Release made, once it has ended and nothing refers to it.
func (d *draft) removals() []intent.Write {
	var writes []intent.Write
	if d.pods.Exists && !d.disarmed() {
		tidy := *rest(d)
		tidy.LeaveRevisions = false
		writes = d.podWrites(tidy)
		// Disarmed, the workload is out of our sight: nothing may be left to do to it. What is still held is
		// let go, and disarmed, by the Rollout's own controller.
		disarm := *rest(d)
		disarm.Disarm = d.letsGo() && !d.pods.Pending
		writes = appendOthers(writes, d.podWrites(disarm))
		if d.abortedTooLate() {
			writes = appendOthers(writes, d.podWrites(workload.Want{Posture: workload.Reverse}))
		}
	}
	writes = appendOthers(writes, d.leftovers())
	for _, service := range d.in.Observed.Services {
		if service.Canary != nil && service.Canary.GetDeletionTimestamp() == nil && !d.named(service.Name+v1alpha1.CanarySuffix) {
			writes = append(writes, intent.Of(intent.Delete, service.Canary, "remove the canary Service"))
		}
	}
	return appendOthers(writes, d.farewells())
}

// leftovers are what the canary Services had beside the routes. No route sends to these any more, and has not for as long as
// its data plane needs to follow.
func (d *draft) leftovers() []intent.Write {
	var writes []intent.Write
	for _, service := range d.in.Observed.Services {
		canary := service.Name + v1alpha1.CanarySuffix
		if d.named(canary) {
			continue
		}
		for _, r := range d.in.Observed.Routes {
			for _, obj := range r.Provider.Leftovers(r.Objects, d.owner()) {
				if obj.GetDeletionTimestamp() == nil && strings.HasPrefix(obj.GetName(), canary+"-") {
					writes = appendOthers(writes, []intent.Write{intent.Of(intent.Delete, obj, "remove the canary Service's copy")})
				}
			}
		}
	}
	return writes
}

// farewells take our name off the user's objects.
func (d *draft) farewells() []intent.Write {
	objects := []*unstructured.Unstructured{d.in.Observed.Workload.Workload}
	for _, s := range d.in.Observed.Services {
		objects = append(objects, s.User)
	}
	for _, r := range d.in.Observed.Routes {
		objects = append(objects, r.Objects.Route)
	}
	var writes []intent.Write
	for _, obj := range objects {
		if obj == nil || obj.GetDeletionTimestamp() != nil {
			continue
		}
		w, due, err := intent.Disown(obj, v1alpha1.FieldManager)
		if err != nil {
			d.broken(err)
		}
		if due {
			writes = append(writes, w)
		}
	}
	return writes
}

// disarmed: the workload was let go, and what its user applies since rolls natively.
func (d *draft) disarmed() bool {
	return d.letsGo() && d.in.Observed.Workload.Workload.GetLabels()[v1alpha1.LabelRollout] == ""
}

// appendOthers appends the writes to objects that are not written yet: a second one to the same version would be
// refused, and the next look sends it.
func appendOthers(writes, more []intent.Write) []intent.Write {
	for _, w := range more {
		same := func(other intent.Write) bool {
			return other.Kind == w.Kind && other.Namespace == w.Namespace && other.Name == w.Name
		}
		if !slices.ContainsFunc(writes, same) {
			writes = append(writes, w)
		}
	}
	return writes
}

// abortedTooLate: the abort came past the point of no return, so that the way back is a new Release.
func (d *draft) abortedTooLate() bool {
	return d.progress.Cause == "" && !d.letsGo() && d.in.Control.DesiredOutcome == v1alpha1.OutcomeAbort
}

// named: a route still sends requests to the Service, whoever wrote that.
func (d *draft) named(service string) bool {
	for _, r := range d.in.Observed.Routes {
		if r.Provider.Names(r.Objects, trafficrouting.NameOn(r.Objects.Route, d.in.Namespace, service)) {
			return true
		}
	}
	return false
}
