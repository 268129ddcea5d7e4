package planner_test

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stretchr/testify/require"
)

// fingerprint tells states apart by all that decides what comes next: no resourceVersion, UID or name
// that counts, and of times only whether they have come.
type fingerprint [16]byte

func (p place) fingerprint() fingerprint {
	raw, err := json.Marshal([]any{
		p.objectPart(p.model.Deployment), p.replicaSetPart(), p.storePart(), p.slicePart(), p.statusPart(), p.guardPart(),
		p.controlPart(), p.evidence, p.rolloutGone, p.suspended, p.late, p.ended, p.user.paused, p.user.stable, imageOf(templateOf(p.user.deployment)),
		p.last.Rule, p.faults, p.deeds,
	})
	require.NoError(p.t, err)
	sum := sha256.Sum256(raw)
	return fingerprint(sum[:16])
}

// controlPart is what people ask; of a goTo where to, and whether it was followed.
func (p place) controlPart() any {
	control := *p.control.DeepCopy()
	control.GoTo = nil
	to, followed := "", true
	if asked := p.control.GoTo; asked != nil {
		to, followed = asked.Step, p.status.Progress.GoTo != nil && p.status.Progress.GoTo.ID == asked.ID
	}
	return []any{control, to, followed, p.status.Progress.From}
}

// objectPart is an object but for its identity; of its generation only whether it was observed.
func (p place) objectPart(obj *unstructured.Unstructured) any {
	if obj == nil {
		return nil
	}
	status, _ := obj.Object["status"].(map[string]any)
	status = maps.Clone(status)
	observed := status["observedGeneration"] == obj.GetGeneration()
	delete(status, "observedGeneration")
	delete(status, "parents")
	annotations := obj.GetAnnotations()
	delete(annotations, "touched")
	return []any{obj.Object["spec"], annotations, obj.GetLabels(), observed, status, acceptedAt(obj) == obj.GetGeneration()}
}

// replicaSetPart holds each ReplicaSet with its pods, in the order in which they were made.
func (p place) replicaSetPart() any {
	minReady, _, _ := unstructured.NestedInt64(p.user.deployment.Object, "spec", "minReadySeconds")
	var out []any
	for _, rs := range p.model.ReplicaSets {
		var pods []any
		for _, pod := range p.model.Pods {
			if pod.Owner == rs.GetUID() {
				since := metav1.NewMicroTime(pod.ReadySince)
				counts := pod.Ready && p.passed(&since, time.Duration(minReady)*time.Second)
				pods = append(pods, []any{pod.Ready, pod.Stuck, pod.Terminating, pod.Reason, counts})
			}
		}
		out = append(out, []any{p.objectPart(rs), pods})
	}
	return out
}

func (p place) storePart() any {
	out := map[string]any{}
	for key, obj := range p.store.objects {
		out[key] = p.objectPart(obj)
	}
	return out
}

func (p place) slicePart() any {
	out := map[string]int32{}
	for name := range p.slices {
		out[name] = p.ready(name)
	}
	return out
}

func (p place) statusPart() any {
	progress, timing := p.status.Progress, p.policy.Timing
	var started *metav1.MicroTime
	if n := len(p.status.Steps); n > 0 {
		started = p.status.Steps[n-1].StartedAt
	}
	return []any{
		progress.Stage, progress.Step, progress.Visit, progress.Shifted, progress.Cause, progress.RouteWritten, progress.Repairs,
		progress.Original, p.roleOf(progress.Stable), p.roleOf(progress.Canary), p.status.Outcome,
		progress.Cause == "" && p.passed(progress.StageSince, p.policy.ProgressDeadline.Duration.Duration),
		progress.EffectSince != nil, p.passed(progress.EffectSince, 5*time.Second), p.passed(progress.EffectSince, timing.Drain.Duration.Duration),
		progress.BareSince != nil, p.passed(progress.BareSince, timing.CollapseAfter.Duration.Duration),
		progress.RepairsSince != nil, p.passed(progress.RepairsSince, time.Minute),
		started != nil,
	}
}

// roleOf is the number of a ReplicaSet; -1 if it is gone or none.
func (p place) roleOf(uid types.UID) int {
	for i, rs := range p.model.ReplicaSets {
		if rs.GetUID() == uid {
			return i
		}
	}
	return -1
}

func (p place) guardPart() any {
	g, route := p.guard, p.store.objects[keyOf("HTTPRoute", "checkout")]
	ahead := int64(0)
	if route != nil {
		ahead = route.GetGeneration() - g.hot
	}
	quiet := metav1.NewMicroTime(g.quietSince)
	drained := !g.quietSince.IsZero() && p.passed(&quiet, p.policy.Timing.Drain.Duration.Duration)
	return []any{g.floor, g.weights, min(ahead, 2), drained, g.quietSince.IsZero(), g.canary, g.wanted, g.outage, g.inForce, p.sightPart()}
}

// sightPart tells whether the step's split came into effect, and whether it has held for long enough since.
func (p place) sightPart() any {
	seen := metav1.NewMicroTime(p.guard.step.inEffect)
	over := false
	if n := len(p.status.Steps); n > 0 {
		for _, s := range p.policy.Strategy.Steps {
			if s.Name == p.status.Steps[n-1].Name && s.Hold != nil && s.Hold.For != nil {
				over = !p.guard.step.inEffect.IsZero() && p.passed(&seen, s.Hold.For.Duration.Duration)
			}
		}
	}
	return []any{p.guard.step.inEffect.IsZero(), over}
}

// passed says whether a length has gone by since a time; never since none.
func (p place) passed(since *metav1.MicroTime, length time.Duration) bool {
	return since != nil && !p.now().Before(since.Add(length))
}
