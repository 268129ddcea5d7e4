package planner

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// Foreign changes of a route are put right this often a minute; then the Release holds and says who
// does it, since two writers in a loop cost more than a wrong weight.
const (
	repairLimit  = 10
	repairWindow = time.Minute
)

// writesFor returns what turns the observed world into the stage's desired state, in an order in
// which every prefix is safe: pins before pods that they must not select, canary Services before the
// routes that name them, and no pod taken away while a route may still send to it.
func (d *draft) writesFor(s stage) []intent.Write {
	var writes []intent.Write
	for _, service := range d.in.Observed.Services {
		writes = append(writes, d.serviceWrites(s, service)...)
	}
	var routes []intent.Write
	for _, r := range d.in.Observed.Routes {
		routes = append(routes, d.routeWrites(s, r)...)
	}
	want := s.pods(d)
	takesPods := want != nil && want.Posture != workload.Run
	if want != nil && d.pods.Exists && (!takesPods || len(routes) == 0 && d.routesMissing(s) == nil) {
		writes = append(writes, d.podWrites(*want)...)
	}
	return append(writes, routes...)
}

func (d *draft) podWrites(want workload.Want) []intent.Write {
	writes, err := d.in.Observed.Kind.Plan(d.in.Observed.Workload, want)
	if err != nil {
		d.broken(err)
	}
	return writes
}

func (d *draft) serviceWrites(s stage, service Service) []intent.Write {
	if service.User == nil {
		return nil
	}
	var writes []intent.Write
	hash := d.pods.Canary.Hash
	if d.makesCanary(service) {
		canary := trafficrouting.CanaryService(service.User, d.in.Rollout, hash)
		create := intent.Of(intent.Create, canary, "make the canary Service")
		create.Object = canary
		writes = append(writes, create)
	}
	if service.Canary != nil && hash != "" {
		writes = d.appendPatch(writes, service.Canary, trafficrouting.Reselect(service.Canary, service.User, hash), "select the canary's pods again")
	}
	pinned, why := d.pinned(s.pin, service.User)
	return d.appendPatch(writes, service.User, pinned, why)
}

// pinned returns the Service as the pin wants it. Where the revision is unknown, since the workload is
// gone, the Service stays as it is: a pin to nothing would select nothing.
func (d *draft) pinned(to pin, service *unstructured.Unstructured) (*unstructured.Unstructured, string) {
	hash, why := d.pods.Stable.Hash, "pin it to stable"
	switch to {
	case pinNone:
		return trafficrouting.Unpin(service), "let it select both revisions"
	case pinCanary:
		hash, why = d.pods.Canary.Hash, "pin it to the canary"
	case pinStable:
	}
	if hash == "" {
		return service, ""
	}
	return trafficrouting.PinTo(service, d.in.Rollout, hash), why
}

func (d *draft) routeWrites(s stage, r Route) []intent.Write {
	if r.Objects.Route == nil {
		return nil
	}
	seen := d.observe(r, s.route)
	if !seen.Drifted || d.withheld(s, seen) {
		return nil
	}
	if seen.Rendered.Route == nil {
		d.broken(errors.New(seen.Message))
		return nil
	}
	writes := d.appendPatch(nil, r.Objects.Route, seen.Rendered.Route, d.routeWhy(s))
	if len(writes) > 0 && d.contends() {
		return nil
	}
	return writes
}

// withheld: the stage's split would give the canary more than the route does now, and more than its ready pods
// can carry. Where somebody took its traffic meanwhile, that comes back with the pods.
func (d *draft) withheld(s stage, seen trafficrouting.Observed) bool {
	for _, split := range d.splits(s.route) {
		share := canaryShare(split)
		raises := share > seen.CanaryPPM || share == seen.CanaryPPM && len(split.Rules) > 0
		if raises && d.short(d.needed(d.carriers(share))) {
			return true
		}
	}
	return false
}

// short: a canary Service has fewer endpoints that serve.
func (d *draft) short(needed int32) bool {
	for _, s := range d.in.Observed.Services {
		if s.Canary == nil || s.CanaryReady < needed {
			return true
		}
	}
	return false
}

func (d *draft) routeWhy(s stage) string {
	switch s.route {
	case routeBase:
		return "put it back as the user wrote it"
	case routeStable:
		return "send everything to stable"
	case routeCanary:
		return "send everything to the canary"
	case routeHalf:
		return "share between the canary Service and the user's"
	case routeBefore:
		if d.from() < 0 {
			return "name the canary at weight 0"
		}
		return "keep the split of step " + d.stepName(d.from())
	case routeDown:
		return "send the canary " + trafficrouting.Percent(weightOf(d.in.Policy.Strategy.Steps[d.progress.Step])) + ", the weight of step " + d.stepName(d.progress.Step)
	case routeStep:
		return "send the canary " + d.shareOf(d.progress.Step)
	}
	return ""
}

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
	for _, service := range d.in.Observed.Services {
		if service.Canary != nil && service.Canary.GetDeletionTimestamp() == nil && !d.named(service.Name+v1alpha1.CanarySuffix) {
			writes = append(writes, intent.Of(intent.Delete, service.Canary, "remove the canary Service"))
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
		same := func(other intent.Write) bool { return other.Kind == w.Kind && other.Name == w.Name }
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
		if r.Objects.Route != nil && r.Provider.Names(r.Objects, service) {
			return true
		}
	}
	return false
}

// appendPatch appends the write that turns live into want, if there is anything to write.
func (d *draft) appendPatch(writes []intent.Write, live, want *unstructured.Unstructured, why string) []intent.Write {
	w, differs, err := intent.PatchTo(live, want, why)
	if err != nil {
		d.broken(err)
	}
	if !differs {
		return writes
	}
	return append(writes, w)
}

// contends says whether a route that differs was put right too often already.
func (d *draft) contends() bool {
	since := d.progress.RepairsSince
	if !d.progress.RouteWritten || since == nil || d.in.Now.Sub(since.Time) >= repairWindow || d.progress.Repairs < repairLimit {
		return false
	}
	d.contended = fmt.Sprintf("routes were changed %d times within %s by %s; stop that, or name the new split in the Rollout",
		d.progress.Repairs, repairWindow, d.routeEditor())
	return true
}

// noteRouteWrite tells a stage's own write of the routes from those that put a foreign change right, and
// counts the latter.
func (d *draft) noteRouteWrite() {
	if !writesRoutes(d.writes, d.in.Observed.Routes) {
		return
	}
	if !d.progress.RouteWritten {
		d.progress.RouteWritten = true
		return
	}
	since := d.progress.RepairsSince
	if since == nil || d.in.Now.Sub(since.Time) >= repairWindow {
		d.progress.RepairsSince, d.progress.Repairs = d.now(), 0
	}
	d.progress.Repairs++
}

func writesRoutes(writes []intent.Write, routes []Route) bool {
	for _, w := range writes {
		for _, r := range routes {
			if w.Kind.Kind == r.Ref.Kind && w.Name == r.Ref.Name {
				return true
			}
		}
	}
	return false
}
