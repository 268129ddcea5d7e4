package planner

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/workload"
)

// The names of barriers by which a hold is told from other waiting.
const (
	barrierApproval = "approval"
	barrierHold     = "hold"
	barrierEvidence = "evidence"
	barrierFreeze   = "freeze"
	barrierKeep     = "keep"
	barrierLook     = "look"
)

// missing says what must be observed before the stage's desired state is in effect; nil if it is.
func (d *draft) missing(s stage) *v1alpha1.Barrier {
	if message := s.ready(d, s.pods(d)); message != "" {
		barrier := &v1alpha1.Barrier{Name: "pods", Message: message}
		if at := d.pods.Canary.ReadyAt; !at.IsZero() {
			until := metav1.NewMicroTime(at)
			barrier.Until = &until
		}
		return barrier
	}
	if message := d.endpointsMissing(s); message != "" {
		return &v1alpha1.Barrier{Name: "endpoints", Message: message}
	}
	if d.fault != "" {
		return &v1alpha1.Barrier{Name: "fault", Message: d.fault}
	}
	if d.contended != "" {
		until := metav1.NewMicroTime(d.progress.RepairsSince.Add(repairWindow))
		return &v1alpha1.Barrier{Name: barrierRoute, Message: d.contended, Until: &until}
	}
	return d.routesMissing(s)
}

// routesMissing says which route does not have the stage's split in effect yet; nil if all have.
func (d *draft) routesMissing(s stage) *v1alpha1.Barrier {
	d.asks = nil
	for _, r := range d.in.Observed.Routes {
		if r.Objects.Route == nil {
			continue
		}
		seen := d.observe(r, s.route)
		if d.progress.Cause != "" && seen.Drifted && d.withheld(s, seen) {
			continue // what is to be taken back is back already
		}
		if !seen.InEffect {
			return &v1alpha1.Barrier{
				Name:    barrierRoute,
				Message: fmt.Sprintf("%s %s is not in effect yet: %s", r.Ref.Kind, r.Ref.Name, seen.Message),
			}
		}
		if message := d.unprobed(s, r); message != "" {
			return &v1alpha1.Barrier{Name: barrierProbe, Message: message}
		}
	}
	return nil
}

// look is one question to a provider: how a route stands beside a split.
type look struct {
	kind   string
	name   string
	want   route
	step   int32
	splits int
}

// observe asks the provider how a route stands beside what is wanted of it. The same is asked several
// times in one decision, and the answer takes a rendering of the route, so it is kept.
func (d *draft) observe(r Route, want route) trafficrouting.Observed {
	splits := d.splits(want)
	asked := look{kind: r.Ref.Group + "/" + r.Ref.Kind, name: ptr.Deref(r.Ref.Namespace, "") + "/" + r.Ref.Name, want: want, step: d.progress.Step, splits: len(splits)}
	seen, ok := d.seen[asked]
	if !ok {
		seen = r.Provider.Observe(r.Objects, d.owner(), splits)
		d.seen[asked] = seen
	}
	return seen
}

// endpointsMissing compares the canary Services' endpoints with the pods that the stage wants, since a
// weight on an endpoint that the data plane can't see yet is lost requests.
func (d *draft) endpointsMissing(s stage) string {
	if s.label != RuleProvisioning && s.name != v1alpha1.StageFilling {
		return ""
	}
	want := d.needed(s.pods(d).Canary)
	for _, service := range d.in.Observed.Services {
		if service.User == nil {
			continue
		}
		if service.CanaryReady < want {
			return fmt.Sprintf("Service %s%s has %d of %d ready endpoints",
				service.Name, v1alpha1.CanarySuffix, service.CanaryReady, want)
		}
	}
	return ""
}

// remaining returns the clock that still runs; nil if none does.
func (d *draft) remaining(s stage) *v1alpha1.Barrier {
	switch s.wait {
	case waitNot:
	case waitSettle:
		return d.clock("settle", d.settle(), "route settles")
	case waitDrain:
		return d.clock("drain", lengthOf(d.in.Policy.Timing.Drain, defaultDrain), "requests under way end")
	case waitKeep:
		if d.in.Control.DesiredOutcome == v1alpha1.OutcomePromote {
			return nil
		}
		return d.clock(barrierKeep, lengthOf(d.in.Policy.Strategy.KeepOldFor, 0), "the old pods are kept for a way back")
	case waitLook:
		// Somebody may have given the canary requests again meanwhile: they end first.
		length := max(lengthOf(d.in.Policy.Rollback.HoldFor, defaultLook), lengthOf(d.in.Policy.Timing.Drain, defaultDrain))
		return d.clock(barrierLook, length, "the canary's pods are kept for a look")
	}
	return nil
}

func (d *draft) clock(name string, length time.Duration, message string) *v1alpha1.Barrier {
	until := metav1.NewMicroTime(d.progress.EffectSince.Add(length))
	if !d.in.Now.Before(until.Time) {
		return nil
	}
	return &v1alpha1.Barrier{Name: name, Message: message, Until: &until}
}

// The lengths that the schema writes where a Rollout names none.
const (
	defaultDrain    = 30 * time.Second
	defaultCollapse = 5 * time.Second
	defaultDeadline = 10 * time.Minute
	defaultLook     = 10 * time.Minute
)

func lengthOf(d *v1alpha1.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return d.Duration.Duration
}

// settle is how long the slowest data plane may take to follow.
func (d *draft) settle() time.Duration {
	if own := d.in.Policy.Timing.Settle; own != nil {
		return own.Duration.Duration
	}
	var slowest time.Duration
	for _, r := range d.in.Observed.Routes {
		slowest = max(slowest, r.Provider.Settle(r.Objects))
	}
	return slowest
}

// needed is how many of a batch of pods must be ready.
func (d *draft) needed(batch int32) int32 {
	if d.in.Policy.ReadyPercent == nil {
		return batch
	}
	return int32((int64(batch)*int64(*d.in.Policy.ReadyPercent) + 99) / 100)
}

func nothing(*draft, *workload.Want) string { return "" }

// canaryReady compares ready canary pods with those that the stage wants.
func canaryReady(d *draft, want *workload.Want) string {
	needed := d.needed(want.Canary)
	if !d.pods.Exists || d.pods.Canary.Ready >= needed {
		return ""
	}
	message := fmt.Sprintf("%d of %d canary pods are ready", d.pods.Canary.Ready, needed)
	if failing := failures(d.pods.Canary); len(failing) > 0 {
		message += "; " + strings.Join(failing, "; ")
	}
	return message
}

func canaryGone(d *draft, _ *workload.Want) string {
	if d.pods.Canary.Existing == 0 {
		return ""
	}
	return fmt.Sprintf("%d canary pods are going", d.pods.Canary.Existing)
}

func stableGone(d *draft, _ *workload.Want) string {
	if d.pods.Stable.Existing+d.pods.Others == 0 {
		return ""
	}
	return fmt.Sprintf("%d old pods are going", d.pods.Stable.Existing+d.pods.Others)
}

// carriesTraffic: the stage's split sends requests to the canary.
func (d *draft) carriesTraffic(s stage) bool {
	for _, split := range d.splits(s.route) {
		if len(split.Rules) > 0 || canaryShare(split) > 0 {
			return true
		}
	}
	return false
}

// canaryShare is what the split sends away from its base without a match, in parts per million.
func canaryShare(split trafficrouting.Split) int32 {
	var share int32
	for _, s := range split.Shares {
		if s.Backend != split.Base {
			share += s.PPM
		}
	}
	return share
}

// resting: the workload has its own fields back, and its controller knows.
func resting(d *draft, _ *workload.Want) string {
	if d.pods.Exists && (d.pods.Borrowed || !d.pods.Seen) {
		return "the workload's own fields are not back yet"
	}
	return ""
}
