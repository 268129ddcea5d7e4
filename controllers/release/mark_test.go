package release_test

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/workload/nativedeployment"
)

// mark tells states apart by all that decides what comes next: no resourceVersion, UID or name that counts, no
// history and no message, and of times only their age up to the deadline that they count for.
type mark uint64

var seed = maphash.MakeSeed()

// scribe adds up what a state is made of.
type scribe struct{ sum uint64 }

func mix(a, b uint64) uint64 {
	a = (a ^ b) * 0x9E3779B97F4A7C15
	return a ^ a>>29
}

func (s *scribe) number(n int64)  { s.sum = mix(s.sum, uint64(n)+1) }
func (s *scribe) text(t string)   { s.sum = mix(s.sum, maphash.String(seed, t)) }
func (s *scribe) value(v any)     { s.sum = mix(s.sum, markOf(v)) }
func (s *scribe) fact(holds bool) { s.number(map[bool]int64{true: 1}[holds]) }

// markOf is the same for equal JSON.
func markOf(v any) uint64 {
	switch typed := v.(type) {
	case nil:
		return 1
	case string:
		return maphash.String(seed, typed)
	case bool:
		if typed {
			return 3
		}
		return 2
	case int64:
		return mix(5, uint64(typed))
	case float64:
		return mix(7, math.Float64bits(typed))
	case []any:
		sum := uint64(len(typed))
		for _, item := range typed {
			sum = mix(sum, markOf(item))
		}
		return sum
	case map[string]any:
		sum := uint64(len(typed))
		for key, item := range typed {
			sum += mix(maphash.String(seed, key), markOf(item))
		}
		return sum
	}
	panic(fmt.Sprintf("%T is not JSON", v))
}

// mark is the state's.
func (p place) mark() mark {
	s := &scribe{}
	now := p.around()
	p.markWorkload(s, now)
	p.markObjects(s, now)
	p.markRelease(s, p.status, p.control)
	p.markGuard(s)
	for _, kind := range lagging {
		if old, lags := p.lag[kind]; lags {
			s.text(kind)
			p.markLag(s, kind, old)
		}
	}
	for _, holds := range []bool{p.rolloutGone, p.suspended, p.late, p.ended, p.free, p.user.paused, p.struck, p.unpinned} {
		s.fact(holds)
	}
	s.number(int64(p.number))
	s.number(int64(p.robbed))
	s.number(int64(min(p.memory.Refusals(), 3))) // more make no difference
	s.text(p.user.stable)
	s.text(imageOf(templateOf(p.user.deployment)))
	if p.evidence != nil {
		s.text(string(p.evidence.Verdict))
		s.fact(p.evidence.Harm)
		s.fact(p.evidence.Early)
		s.fact(p.evidence.Unready != "")
	}
	p.markProxies(s)
	return mark(s.sum)
}

// markProxies notes what probes meet, and what is known of that.
func (p place) markProxies(s *scribe) {
	if len(p.policy.RouteRefs[0].Probes) == 0 {
		return
	}
	route := p.store.objects[keyOf(kindRoute, "checkout")]
	for _, r := range []*unstructured.Unstructured{route, p.proxies.follow} {
		ppm, matches := canaryWeight(r, "checkout")
		s.number(int64(ppm))
		s.fact(matches)
	}
	if route != nil {
		s.number(min(route.GetGeneration()-p.proxies.askedAt, 2))
	}
	for _, q := range p.proxies.asked {
		s.text(q.Probe)
	}
	for _, answer := range p.proxies.answers {
		for _, holds := range []bool{answer.Stable, answer.Canary, answer.Problem != "", answer.State == p.proxies.askedOf} {
			s.fact(holds)
		}
	}
	s.fact(p.proxies.mute)
	if p.status.Progress.Stage == v1alpha1.StageWithdrawing {
		s.number(p.age(p.status.Progress.StageSince, 2*tick)) // for as long as an answer is waited for that tells something
	}
	s.fact(p.guard.sawMatch)
	s.fact(p.guard.sawWhole)
}

func (p place) markWorkload(s *scribe, r reading) {
	p.markObject(s, r.deployment)
	p.markReplicaSets(s, r)
	p.markPods(s, r)
}

func (p place) markReplicaSets(s *scribe, r reading) {
	for _, rs := range r.replicaSets {
		p.markObject(s, rs)
	}
}

// markPods notes the pods of each ReplicaSet: which of equals it is does not matter.
func (p place) markPods(s *scribe, r reading) {
	for _, rs := range p.model.ReplicaSets {
		s.number(-1)
		var pods []int64
		for _, pod := range r.pods {
			if pod.Owner == rs.GetUID() {
				pods = append(pods, p.standing(pod))
			}
		}
		slices.Sort(pods)
		for _, pod := range pods {
			s.number(pod)
		}
	}
}

func (p place) standing(pod nativedeployment.Pod) int64 {
	standing := int64(len(pod.Reason)) << 8
	for i, holds := range []bool{pod.Ready, pod.Stuck, pod.Terminating} {
		if holds {
			standing |= 1 << i
		}
	}
	if pod.Ready {
		since := metav1.NewMicroTime(pod.ReadySince)
		standing |= p.age(&since, p.minReady) << 16
	}
	return standing
}

func (p place) markObjects(s *scribe, r reading) {
	p.markStored(s, r, kindService)
	p.markStored(s, r, kindRoute)
	p.markStored(s, r, kindIngress)
	p.markStored(s, r, kindPolicy)
	for _, ref := range p.policy.ServiceRefs {
		for _, name := range []string{ref.Name, ref.Name + v1alpha1.CanarySuffix} {
			s.number(int64(readyIn(r.slices[name])))
		}
	}
}

func (p place) markStored(s *scribe, r reading, kind string) {
	for _, key := range sortedKeys(r.objects) {
		if strings.HasPrefix(key, kind+"/") {
			s.text(key)
			p.markObject(s, r.objects[key])
		}
	}
}

// markObject notes an object but for its identity; of its generation only whether it was observed.
func (p place) markObject(s *scribe, obj *unstructured.Unstructured) {
	if obj == nil {
		s.number(-2)
		return
	}
	s.value(obj.Object["spec"])
	metadata, _ := obj.Object["metadata"].(map[string]any)
	s.value(metadata["labels"])
	s.value(metadata["deletionTimestamp"])
	annotations, _ := metadata["annotations"].(map[string]any)
	sum := uint64(0)
	for key, value := range annotations {
		switch key {
		case "touched", "deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history":
		default:
			sum += mix(maphash.String(seed, key), markOf(value))
		}
	}
	s.number(int64(sum))
	status, _ := obj.Object["status"].(map[string]any)
	sum = 0
	for key, value := range status {
		switch key {
		case "observedGeneration":
			sum += mix(1, markOf(value == obj.GetGeneration()))
		case "parents":
			sum += mix(2, markOf(acceptedAt(obj) == obj.GetGeneration()))
		default:
			sum += mix(maphash.String(seed, key), markOf(value))
		}
	}
	s.number(int64(sum))
}

// markRelease notes what people ask of the Release and what earlier decisions left behind.
func (p place) markRelease(s *scribe, status v1alpha1.ReleaseStatus, control v1alpha1.Control) {
	s.fact(control.Paused)
	s.text(string(control.DesiredOutcome))
	for _, a := range control.Approvals {
		s.text(a.Step)
		s.number(int64(a.Visit))
	}
	progress := status.Progress
	if asked := control.GoTo; asked != nil {
		s.text(asked.Step)
		s.fact(progress.GoTo != nil && progress.GoTo.ID == asked.ID)
	}
	s.text(string(progress.Stage))
	s.text(progress.Cause)
	s.text(string(status.Outcome))
	for _, n := range []int32{progress.Step, progress.Visit, progress.From, int32(len(status.Steps))} {
		s.number(int64(n))
	}
	s.fact(progress.Shifted)
	s.fact(progress.RouteWritten)
	s.number(p.roleOf(progress.Stable))
	s.number(p.roleOf(progress.Canary))
	if original := progress.Original; original != nil {
		s.text(fmt.Sprint(pointed(original.MinReadySeconds), pointed(original.ProgressDeadlineSeconds), original.Strategy != nil))
	}
	p.markTimes(s, status)
}

func pointed(n *int32) int32 {
	if n == nil {
		return -1
	}
	return *n
}

// markTimes notes the ages of what is waited for.
func (p place) markTimes(s *scribe, status v1alpha1.ReleaseStatus) {
	progress := status.Progress
	hold, started := time.Duration(0), (*metav1.MicroTime)(nil)
	if n := len(status.Steps); n > 0 {
		started = status.Steps[n-1].StartedAt
		hold = p.holdOf(status.Steps[n-1].Name)
	}
	s.number(p.age(started, hold))
	s.number(p.age(progress.EffectSince, p.longest))
	s.number(p.age(progress.BareSince, p.policy.Timing.CollapseAfter.Duration.Duration))
	forward := progress.Cause == "" && !pastNoReturn[progress.Stage] && (started == nil || progress.Stage != v1alpha1.StageStepping)
	waits := progress.EffectSince == nil && (forward || progress.Stage == v1alpha1.StageDescending)
	if !waits {
		return
	}
	deadline := p.policy.ProgressDeadline.Duration.Duration
	if paused := progress.PausedSince; paused != nil {
		s.number(-3)
		s.number(int64(min(paused.Sub(progress.StageSince.Time), deadline)))
		return
	}
	s.number(p.age(progress.StageSince, deadline))
}

func (p place) holdOf(step string) time.Duration {
	for _, s := range p.policy.Strategy.Steps {
		if s.Name == step && s.Hold != nil && s.Hold.For != nil {
			return s.Hold.For.Duration.Duration
		}
	}
	return 0
}

// roleOf is the number of a ReplicaSet; -1 if it is gone or none.
func (p place) roleOf(uid types.UID) int64 {
	return int64(slices.IndexFunc(p.model.ReplicaSets, func(rs *unstructured.Unstructured) bool { return rs.GetUID() == uid }))
}

// age is how long ago a moment is, up to a limit; -1 of none.
func (p place) age(since *metav1.MicroTime, limit time.Duration) int64 {
	if since == nil || since.IsZero() {
		return -1
	}
	return int64(min(p.now().Sub(since.Time), limit) / time.Second)
}

// markGuard notes what the invariants have to remember.
func (p place) markGuard(s *scribe) {
	g, route := p.guard, p.store.objects[keyOf(kindRoute, "checkout")]
	ahead := int64(0)
	if route != nil {
		ahead = min(route.GetGeneration()-g.hot, 2)
	}
	for _, ref := range p.policy.ServiceRefs {
		s.number(int64(g.weights[ref.Name]))
		s.text(g.pins[ref.Name])
	}
	quiet, seen := metav1.NewMicroTime(g.quietSince), metav1.NewMicroTime(g.step.inEffect)
	hold := time.Duration(0)
	if n := len(p.status.Steps); n > 0 {
		hold = p.holdOf(p.status.Steps[n-1].Name)
	}
	for _, n := range []int64{
		int64(g.floor), ahead, g.canary, int64(g.wanted), int64(g.inForce), p.age(&quiet, p.policy.Timing.Drain.Duration.Duration), p.age(&seen, hold),
	} {
		s.number(n)
	}
	s.fact(g.outage)
}

// markLag notes what a cache that lags behind shows, and what the process knows better.
func (p place) markLag(s *scribe, kind string, old reading) {
	var shown []*unstructured.Unstructured
	switch kind {
	case kindRelease:
		p.markRelease(s, old.release.Status, old.release.Spec.Control)
		if told := p.memory.Told(old.release); told != nil {
			p.markRelease(s, told.Status, told.Spec.Control)
		}
		return
	case kindDeployment:
		shown = append(shown, old.deployment)
	case kindReplicaSet:
		shown = old.replicaSets
	case kindPod:
		p.markPods(s, old)
	case kindSlice:
		p.markObjects(s, old)
	case kindService, kindRoute, kindIngress:
		for _, key := range sortedKeys(old.objects) {
			if strings.HasPrefix(key, kind+"/") {
				s.text(key)
				shown = append(shown, old.objects[key])
			}
		}
	}
	for _, obj := range shown {
		p.markObject(s, obj)
		if obj == nil {
			continue
		}
		if newer, left := p.memory.Left(obj); newer {
			p.markObject(s, left)
		}
	}
	made, removed := p.memory.Names()
	s.text(strings.Join(made, " "))
	s.text(strings.Join(removed, " "))
}
