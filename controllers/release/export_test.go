package release

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

// Memory is what a process knows of its own writes. Its zero value is that of one that has just started.
type Memory struct {
	fresh   *freshness
	answers *lru.Cache
}

// Start has the Reconciler go on with a Memory, of which it makes its own, and shows each decision to watch.
func (r *Reconciler) Start(memory Memory, watch func(planner.Input, planner.Decision)) {
	r.begin()
	r.enqueue = func(reconcile.Request) {}
	if memory.fresh != nil {
		r.fresh, r.answers = memory.fresh.fork(r.Clock), memory.answers
	}
	r.plan = func(input planner.Input) planner.Decision {
		decision := planner.Plan(input)
		watch(input, decision)
		return decision
	}
}

// Slim leaves out what matters only while a cache lags behind the process's own writes.
func (m Memory) Slim() Memory {
	if m.fresh == nil {
		return m
	}
	fresh := newFreshness(nil)
	fresh.made, fresh.removed, fresh.unsent = m.fresh.made, m.fresh.removed, m.fresh.unsent
	return Memory{fresh, m.answers}
}

// Memory is what the Reconciler knows as it stops. It has no clock, which would keep its world in memory.
func (r *Reconciler) Memory() Memory {
	r.fresh.clock = nil
	return Memory{r.fresh, r.answers}
}

// Observe is what the Reconciler would decide on now.
func (r *Reconciler) Observe(ctx context.Context, release *v1alpha1.Release) (planner.Input, error) {
	return r.observe(ctx, r.fresh.latestRelease(release))
}

func (f *freshness) fork(clock Clock) *freshness {
	return &freshness{
		clock: clock, written: maps.Clone(f.written), writing: map[types.UID]*shown{}, made: maps.Clone(f.made),
		removed: maps.Clone(f.removed), told: maps.Clone(f.told), refusals: maps.Clone(f.refusals),
		unsent: maps.Clone(f.unsent),
	}
}

// Left is what the process knows of an object that a cache shows it: whether its own last write is newer, and what
// that left if it was told.
func (m Memory) Left(cached *unstructured.Unstructured) (newer bool, obj *unstructured.Unstructured) {
	if m.fresh == nil {
		return false, nil
	}
	last, ok := m.fresh.written[cached.GetUID()]
	if !ok || !olderThan(cached, last.version) {
		return false, nil
	}
	return true, last.obj
}

// Told is the Release as the process left it where a cache shows it an older one; nil else.
func (m Memory) Told(cached *v1alpha1.Release) *v1alpha1.Release {
	if m.fresh == nil {
		return nil
	}
	told := m.fresh.told[cached.UID].release
	if told == nil || !olderThan(cached, told.ResourceVersion) {
		return nil
	}
	return told
}

// Refusals is at how many looks in a row a write of the one Release was refused.
func (m Memory) Refusals() (count int) {
	if m.fresh != nil {
		for _, one := range m.fresh.unsent {
			count = one
		}
	}
	return count
}

// Names lists what the process made and what it removed, by kind and name.
func (m Memory) Names() (made, removed []string) {
	if m.fresh == nil {
		return nil, nil
	}
	return slices.Sorted(maps.Keys(m.fresh.made)), slices.Sorted(maps.Keys(m.fresh.removed))
}
