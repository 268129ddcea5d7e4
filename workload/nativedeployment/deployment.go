package nativedeployment

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// SyncDeployment lets the Deployment controller look once, and says whether anything changed.
func (m *Model) SyncDeployment() bool {
	if m.Deployment == nil {
		return false
	}
	before := m.version
	l := m.look()
	switch {
	case m.Deployment.GetDeletionTimestamp() != nil:
	case l.paused:
		// The current set may be written here, and is acted on with the status that it had before.
		l.refresh()
		l.resize()
		l.forget()
	case l.refresh():
		if !m.Patient {
			m.SyncDeployment()
		}
		return true
	case l.scalingEvent():
		l.resize()
	default:
		l.roll()
	}
	l.report()
	return m.version != before
}

// scalingEvent says whether an active set was last sized for another size of the Deployment.
func (l *look) scalingEvent() bool {
	for _, s := range active(l.all) {
		if n, ok := parse(s.obj.GetAnnotations()[annotationDesired]); ok && n >= 0 && int32(n) != l.replicas {
			return true
		}
	}
	return false
}

// resize brings the sets to what the Deployment's size asks for: the only active one to all of it, with
// none the current or else the newest; with several, old ones to 0 if the current is complete, else all
// in proportion.
func (l *look) resize() {
	running := active(l.all)
	switch len(running) {
	case 0:
		only := l.current
		if only == nil && len(l.all) > 0 {
			only = l.all[len(l.all)-1]
		}
		if only != nil {
			l.scale(only, l.replicas, false)
		}
		return
	case 1:
		l.scale(running[0], l.replicas, false)
		return
	}
	if l.saturated() {
		for _, s := range active(l.old()) {
			l.scale(s, 0, false)
		}
		return
	}
	l.share(running)
}

// saturated: the current set has the full size, was sized for it, and all its pods are available.
func (l *look) saturated() bool {
	if l.current == nil {
		return false
	}
	noted, ok := parse(l.current.obj.GetAnnotations()[annotationDesired])
	return ok && l.current.replicas == l.replicas && int32(noted) == l.replicas && l.current.available == l.replicas
}

// share sizes all active sets so that they sum to what may run, each by its part of what ran when it
// was last sized. The largest gets what rounding leaves; of equals the newer grows, the older shrinks.
func (l *look) share(running []*set) {
	allowed := int32(0)
	if l.replicas > 0 {
		allowed = l.maxPods()
	}
	total, _ := sum(running)
	toAdd := allowed - total
	slices.SortStableFunc(running, func(a, b *set) int {
		if c := cmp.Compare(b.replicas, a.replicas); c != 0 {
			return c
		}
		if toAdd > 0 {
			return byAge(b, a)
		}
		return byAge(a, b)
	})
	added := int32(0)
	sizes := make([]int32, len(running))
	for i, s := range running {
		part := int32(0)
		switch left := toAdd - added; {
		case left == 0:
		case toAdd > 0:
			part = min(l.part(s), left)
		default:
			part = max(l.part(s), left)
		}
		sizes[i] = s.replicas + part
		added += part
	}
	sizes[0] = max(0, sizes[0]+toAdd-added)
	for i, s := range running {
		l.scale(s, sizes[i], true)
	}
}

// part is how much a set grows if it keeps its part of the whole.
func (l *look) part(s *set) int32 {
	if l.replicas == 0 {
		return -s.replicas
	}
	before, ok := parse(s.obj.GetAnnotations()[annotationMax])
	if !ok || before <= 0 {
		before = int64(int32At(l.m.Deployment.Object, 0, "status", "replicas"))
		if before == 0 {
			return 0
		}
	}
	return int32(math.Round(float64(s.replicas*l.maxPods())/float64(before))) - s.replicas
}

// roll goes one step from the old sets to the current one: up if there is room, else down as far as
// enough pods stay available.
func (l *look) roll() {
	if l.current == nil {
		l.create()
	}
	if l.grow() || l.shrink() {
		return
	}
	if l.complete() {
		l.forget()
	}
}

func (l *look) grow() bool {
	switch {
	case l.current.replicas == l.replicas:
		return false
	case l.current.replicas > l.replicas:
		return l.scale(l.current, l.replicas, false)
	default:
		return l.scale(l.current, l.room(), false)
	}
}

func (l *look) shrink() bool {
	old := active(l.old())
	if len(old) == 0 {
		return false
	}
	total, _ := sum(l.all)
	least := l.replicas - l.unavailable
	may := total - least - (l.current.replicas - l.current.available)
	if may <= 0 {
		return false
	}
	cleaned, ok := l.dropUnhealthy(old, may)
	if !ok {
		return false
	}
	_, available := sum(append(slices.Clone(old), l.current))
	return l.dropOld(old, available-least) || cleaned
}

// dropUnhealthy takes pods that aren't available from the old sets, oldest first. A set that reports more
// available pods than it is asked for was counted before it shrank: then it is not ok to go on.
func (l *look) dropUnhealthy(old []*set, may int32) (dropped, ok bool) {
	left := may
	for _, s := range old {
		n := min(left, s.replicas-s.available)
		switch {
		case left <= 0:
			return left < may, true
		case n < 0:
			return left < may, false
		case n > 0:
			l.scale(s, s.replicas-n, false)
			left -= n
		}
	}
	return left < may, true
}

// dropOld takes pods from the old sets, oldest first, as long as more than enough are available.
func (l *look) dropOld(old []*set, may int32) bool {
	dropped := int32(0)
	for _, s := range old {
		if dropped >= may {
			break
		}
		if n := min(may-dropped, s.replicas); n > 0 {
			l.scale(s, s.replicas-n, false)
			dropped += n
		}
	}
	return dropped > 0
}

// complete: the last reported status says that all pods are current and available.
func (l *look) complete() bool {
	status := child(l.m.Deployment.Object, "status")
	return int32At(status, 0, "updatedReplicas") == l.replicas && int32At(status, 0, "replicas") == l.replicas &&
		int32At(status, 0, "availableReplicas") == l.replicas &&
		int64(int32At(status, 0, "observedGeneration")) >= l.m.Deployment.GetGeneration()
}

// forget deletes the oldest revisions beyond the limit that have no pods.
func (l *look) forget() {
	limit, ok := l.historyLimit()
	old := l.old()
	if !ok || len(old) <= limit {
		return
	}
	slices.SortStableFunc(old, func(a, b *set) int {
		if c := cmp.Compare(revisionOf(a), revisionOf(b)); c != 0 {
			return c
		}
		return byAge(a, b)
	})
	for _, s := range old[:len(old)-limit] {
		seen, _ := number(s.obj.Object, "status", "observedGeneration")
		if s.replicas == 0 && int32At(s.obj.Object, 0, "status", "replicas") == 0 && seen >= s.obj.GetGeneration() {
			l.m.remove(s.obj)
			l.all = slices.DeleteFunc(l.all, func(other *set) bool { return other == s })
		}
	}
}

// report writes the Deployment's status from those of the sets.
func (l *look) report() {
	status := map[string]any{"observedGeneration": l.m.Deployment.GetGeneration()}
	add := func(key string, n int32) {
		if n != 0 {
			status[key] = int64(n)
		}
	}
	var replicas, updated, ready, available, asked int32
	for _, s := range l.all {
		there := int32At(s.obj.Object, 0, "status", "replicas")
		replicas += there
		if s == l.current {
			updated = there
		}
		ready += int32At(s.obj.Object, 0, "status", "readyReplicas")
		available += s.available
		asked += s.replicas
	}
	add("replicas", replicas)
	add("updatedReplicas", updated)
	add("readyReplicas", ready)
	add("availableReplicas", available)
	add("unavailableReplicas", max(0, asked-available))
	l.m.report(l.m.Deployment, status)
}

// report stores a status, if it is another one. What is left as it was is shared with the object before.
func (m *Model) report(obj *unstructured.Unstructured, status map[string]any) {
	if equality.Semantic.DeepEqual(obj.Object["status"], status) {
		return
	}
	want := maps.Clone(obj.Object)
	want["metadata"] = maps.Clone(child(obj.Object, "metadata"))
	want["status"] = status
	m.must(m.store(obj, &unstructured.Unstructured{Object: want}))
}
