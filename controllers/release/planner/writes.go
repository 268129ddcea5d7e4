package planner

import (
	"fmt"
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
// routes that name them.
func (d *draft) writesFor(s stage) []intent.Write {
	var writes []intent.Write
	for _, service := range d.in.Observed.Services {
		writes = append(writes, d.serviceWrites(s, service)...)
	}
	if want := s.pods(d); want != nil && d.pods.Exists {
		writes = append(writes, d.podWrites(*want)...)
	}
	for _, r := range d.in.Observed.Routes {
		writes = append(writes, d.routeWrites(s, r)...)
	}
	return writes
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
	pinned := service.User
	why := "let it select both revisions"
	switch s.pin {
	case pinStable:
		pinned, why = trafficrouting.PinTo(service.User, d.in.Rollout, d.pods.Stable.Hash), "pin it to stable"
	case pinCanary:
		pinned, why = trafficrouting.PinTo(service.User, d.in.Rollout, hash), "pin it to the canary"
	case pinNone:
		pinned = trafficrouting.Unpin(service.User)
	}
	return d.appendPatch(writes, service.User, pinned, why)
}

func (d *draft) routeWrites(s stage, r Route) []intent.Write {
	if r.Objects.Route == nil {
		return nil
	}
	want, err := r.Provider.Render(r.Objects, d.owner(), d.splits(s.route))
	if err != nil {
		d.broken(err)
		return nil
	}
	writes := d.appendPatch(nil, r.Objects.Route, want.Route, d.routeWhy(s))
	if len(writes) > 0 && d.contends(s) {
		return nil
	}
	return writes
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
		if d.progress.Step == 0 {
			return "name the canary at weight 0"
		}
		return "keep the split of step " + d.stepName(d.progress.Step-1)
	case routeStep:
		return "send the canary " + d.shareOf(d.progress.Step)
	}
	return ""
}

// removals takes away what the Release made, once it has ended and nothing refers to it.
func (d *draft) removals() []intent.Write {
	var writes []intent.Write
	if d.pods.Exists {
		tidy := *rest(d)
		tidy.LeaveRevisions = false
		writes = d.podWrites(tidy)
		// Disarmed, the workload is out of our sight: nothing may be left to do to it.
		disarm := *rest(d)
		disarm.Disarm = d.in.RolloutGone
		writes = append(writes, d.podWrites(disarm)...)
		if len(writes) == 0 && d.abortedTooLate() {
			writes = d.podWrites(workload.Want{Posture: workload.Reverse})
		}
	}
	for _, service := range d.in.Observed.Services {
		if service.Canary != nil && service.Canary.GetDeletionTimestamp() == nil && !d.named(service.Name+v1alpha1.CanarySuffix) {
			writes = append(writes, intent.Of(intent.Delete, service.Canary, "remove the canary Service"))
		}
	}
	return writes
}

// abortedTooLate: the abort came past the point of no return, so that the way back is a new Release.
func (d *draft) abortedTooLate() bool {
	return d.progress.Cause == "" && !d.in.RolloutGone && d.in.Control.DesiredOutcome == v1alpha1.OutcomeAbort
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

// inEffectBefore: the stage's split has been in effect, so that a route that differs was changed by
// somebody else.
func (d *draft) inEffectBefore() bool {
	return d.in.Status.Progress.Stage == d.progress.Stage && d.in.Status.Progress.Shifted == d.progress.Shifted &&
		(d.in.Status.Progress.EffectSince != nil || d.startedAt() != nil)
}

// contends counts a repair of a route, and says whether there were too many.
func (d *draft) contends(stage) bool {
	if !d.inEffectBefore() {
		return false
	}
	since := d.progress.RepairsSince
	if since == nil || d.in.Now.Sub(since.Time) >= repairWindow {
		return false
	}
	if d.progress.Repairs < repairLimit {
		return false
	}
	d.contended = fmt.Sprintf("routes were changed %d times within %s by %s; stop that, or name the new split in the Rollout",
		d.progress.Repairs, repairWindow, d.routeEditor())
	return true
}

// noteRepair counts the decision that puts a foreign change right.
func (d *draft) noteRepair(s stage) {
	if !d.inEffectBefore() || !writesRoutes(d.writes, d.in.Observed.Routes) {
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
