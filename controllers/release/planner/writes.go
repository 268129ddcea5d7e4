package planner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

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
	d.making = false
	for _, service := range d.in.Observed.Services {
		writes = append(writes, d.serviceWrites(s, service)...)
	}
	var routes []intent.Write
	for _, r := range d.in.Observed.Routes {
		routes = appendOthers(routes, d.routeWrites(s, r)) // two routes may have the same object beside them
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
	seen := d.observe(r, s.route)
	if !seen.Drifted || d.withheld(s, seen) {
		return nil
	}
	if seen.Rendered == nil {
		d.broken(errors.New(seen.Message))
		return nil
	}
	changes := r.Objects.Changes(*seen.Rendered)
	if d.progress.Cause == "" {
		changes = d.madeFirst(changes)
	}
	var writes []intent.Write
	for _, c := range changes {
		writes = d.appendChange(writes, c, d.routeWhy(s))
	}
	if d.progress.Cause != "" {
		// What cannot be made must not keep requests where they are to leave, nor must another route.
		slices.SortStableFunc(writes, func(a, b intent.Write) int { return rankBack(a) - rankBack(b) })
		for i := range writes {
			writes[i].Group = fmt.Sprintf("%s.%s %s/%s", r.Ref.Kind, r.Ref.Group, ptr.Deref(r.Ref.Namespace, ""), r.Ref.Name)
		}
	}
	if len(writes) > 0 && d.contends() {
		return nil
	}
	return writes
}

// madeFirst returns only what is made where that comes before other changes, such as a route that will name it: a data plane
// learns of objects of several kinds in any order. The rest follows once they are seen.
func (d *draft) madeFirst(changes []trafficrouting.Change) []trafficrouting.Change {
	made := slices.IndexFunc(changes, func(c trafficrouting.Change) bool { return c.Live != nil })
	if made <= 0 {
		return changes
	}
	d.making = true
	return changes[:made]
}

// rankBack puts what is made last.
func rankBack(w intent.Write) int {
	if w.Verb == intent.Create {
		return 1
	}
	return 0
}

// appendChange appends the write that a change of a route, or of what is beside it, takes.
func (d *draft) appendChange(writes []intent.Write, c trafficrouting.Change, why string) []intent.Write {
	switch {
	case c.Want == nil:
		return append(writes, intent.Of(intent.Delete, c.Live, why))
	case c.Live != nil:
		return d.appendPatch(writes, c.Live, c.Want, why)
	}
	create := intent.Of(intent.Create, c.Want, why)
	create.Object = d.owned(c.Want)
	return append(writes, create)
}

// owned returns an object that is made as the user's Service's whose canary Service it is named after, so that deleting a
// Rollout or Release takes no traffic away.
func (d *draft) owned(made *unstructured.Unstructured) *unstructured.Unstructured {
	made = made.DeepCopy()
	for _, s := range d.in.Observed.Services {
		if s.User != nil && strings.HasPrefix(made.GetName(), trafficrouting.CanaryOf(s.Name)) {
			made.SetOwnerReferences(trafficrouting.OwnedBy(s.User))
		}
	}
	return made
}

// withheld: the stage's split would give the canary more than the route does now, and more than its ready pods
// can carry. Where somebody took its traffic meanwhile, that comes back with the pods.
func (d *draft) withheld(s stage, seen trafficrouting.Observed) bool {
	for _, split := range d.splits(s.route) {
		share := canaryShare(split)
		raises := share > seen.CanaryPPM || share == seen.CanaryPPM && len(split.Rules) > 0
		if raises && d.short(d.needed(d.carriers(d.reach(share)))) {
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
// counts the latter. One that comes again since it was refused is neither.
func (d *draft) noteRouteWrite() {
	if d.making || d.in.Refusals > 0 || !writesRoutes(d.writes, d.in.Observed.Routes) {
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
			kinds := append(r.Provider.Beside(), schema.GroupKind{Group: r.Ref.Group, Kind: r.Ref.Kind})
			if slices.Contains(kinds, w.Kind.GroupKind()) {
				return true
			}
		}
	}
	return false
}
