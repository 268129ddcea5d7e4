package release

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// freshFor is how long an object that we made may be missing from a cache before it counts as deleted
// by somebody else.
const freshFor = 5 * time.Second

// freshness remembers what our own writes made, so that no decision is planned on a world that has not
// seen them: such a plan would only be refused. It saves requests; what keeps decisions right is the
// fence.
type freshness struct {
	clock   Clock
	mu      sync.Mutex
	written map[types.UID]left
	// writing holds what a watch has shown of the objects that a write of ours is under way to: most answers
	// are overtaken by their own echo.
	writing map[types.UID]*shown
	made    map[string]time.Time
	removed map[string]types.UID
	told    map[types.UID]news
	// refusals counts how often in a row the writes of a Release were refused.
	refusals map[types.UID]int
	// unsent counts the looks in a row at a Release of which the writes were not all done, for another reason than that the world had
	// moved on.
	unsent map[types.UID]int
}

// left is an object as our last write to it left it; obj is nil where the answer told its version alone.
type left struct {
	version string
	obj     *unstructured.Unstructured
}

// shown is the version that a watch has shown of an object, and the Releases that were not told, while some of
// them write to it.
type shown struct {
	writers int
	version string
	untold  map[types.NamespacedName]bool
}

// news is a Release as our last write of its status left it, and when that was.
type news struct {
	at      time.Time
	release *v1alpha1.Release
}

func newFreshness(clock Clock) *freshness {
	return &freshness{
		clock: clock, written: map[types.UID]left{}, writing: map[types.UID]*shown{}, made: map[string]time.Time{},
		removed: map[string]types.UID{}, told: map[types.UID]news{}, refusals: map[types.UID]int{},
		unsent: map[types.UID]int{},
	}
}

// write notes that a write of ours to an object begins.
func (f *freshness) write(uid types.UID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writing[uid] == nil {
		f.writing[uid] = &shown{untold: map[types.NamespacedName]bool{}}
	}
	f.writing[uid].writers++
}

// wrote notes an object as the API server returned it, nil where it refused the write, and returns the Releases
// that are still to be told that somebody else has written to it meanwhile.
func (f *freshness) wrote(uid types.UID, obj *unstructured.Unstructured) []types.NamespacedName {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.writing[uid]
	if seen.writers--; seen.writers == 0 {
		delete(f.writing, uid)
	}
	if obj != nil {
		f.written[uid] = left{version: obj.GetResourceVersion(), obj: obj}
	}
	if obj != nil && !olderThan(obj, seen.version) {
		return nil
	}
	untold := slices.Collect(maps.Keys(seen.untold))
	clear(seen.untold)
	return untold
}

// scaled notes an object of which the API server returned the new version alone.
func (f *freshness) scaled(obj *unstructured.Unstructured) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.written[obj.GetUID()] = left{version: obj.GetResourceVersion()}
}

// echo reports whether a Release need not be told of a change: it is our own last write, or it comes while we
// write, and the end of that write tells.
func (f *freshness) echo(obj client.Object, release types.NamespacedName) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if seen := f.writing[obj.GetUID()]; seen != nil {
		seen.version = obj.GetResourceVersion()
		seen.untold[release] = true
		return true
	}
	last, ok := f.written[obj.GetUID()]
	return ok && last.obj != nil && last.version == obj.GetResourceVersion()
}

// created notes an object that did not exist before.
func (f *freshness) created(obj client.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made[nameOf(obj)] = f.clock()
}

// deleted notes an object that we have deleted.
func (f *freshness) deleted(obj client.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.written, obj.GetUID())
	f.removed[nameOf(obj)] = obj.GetUID()
}

// gone reports whether we have deleted obj and the cache has yet to see it. One that the cache shows in deletion is kept
// by finalizers, and is there.
func (f *freshness) gone(obj client.Object) bool {
	if obj.GetDeletionTimestamp() != nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.removed[nameOf(obj)] == obj.GetUID()
}

// latest returns an object as our own last write left it where the cache has yet to see that, and
// errStale where what the write left is not known. A write that the cache has seen is forgotten.
func (f *freshness) latest(cached *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.made, nameOf(cached))
	last, ok := f.written[cached.GetUID()]
	if !ok {
		return cached, nil
	}
	if !olderThan(cached, last.version) {
		delete(f.written, cached.GetUID())
		return cached, nil
	}
	if last.obj == nil {
		return nil, errStale
	}
	return last.obj, nil
}

func olderThan(obj client.Object, version string) bool {
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), version)
	return err == nil && order < 0
}

// awaited reports whether an object that is not in the cache is one that we made a moment ago.
func (f *freshness) awaited(obj client.Object) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.removed, nameOf(obj))
	made, ok := f.made[nameOf(obj)]
	if !ok {
		return false
	}
	if f.clock().Sub(made) < freshFor {
		return true
	}
	delete(f.made, nameOf(obj))
	return false
}

// awaits reports whether one of the objects that we made a moment ago is missing from all that a cache has of their kind
// in a namespace.
func (f *freshness) awaits(kind schema.GroupKind, namespace string, listed []unstructured.Unstructured) bool {
	names := map[string]bool{}
	for i := range listed {
		names[nameOf(&listed[i])] = true
	}
	others := func(name string) bool {
		return strings.HasPrefix(name, kind.String()+" "+namespace+"/") && !names[name]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.removed, func(name string, _ types.UID) bool { return others(name) })
	maps.DeleteFunc(f.made, func(name string, made time.Time) bool { return others(name) && f.clock().Sub(made) >= freshFor })
	for name := range f.made {
		if others(name) {
			return true
		}
	}
	return false
}

// tell notes a Release whose status was written now.
func (f *freshness) tell(release *v1alpha1.Release) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told[release.UID] = news{at: f.clock(), release: release.DeepCopy()}
}

// latestRelease returns the Release as our own last write left it where the cache has yet to see that.
func (f *freshness) latestRelease(cached *v1alpha1.Release) *v1alpha1.Release {
	f.mu.Lock()
	defer f.mu.Unlock()
	told := f.told[cached.UID].release
	if told == nil || !olderThan(cached, told.ResourceVersion) {
		return cached
	}
	return told.DeepCopy()
}

// lastNews is when the status of a Release was written last; the zero time if not by this process.
func (f *freshness) lastNews(uid types.UID) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.told[uid].at
}

// refused returns when to look again after a write was refused because the world had moved on: the event
// of that is on its way, or was one that wakes nobody.
func (f *freshness) refused(release types.UID) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	wait := refusedRetry << min(f.refusals[release], 6)
	f.refusals[release]++
	return min(wait, staleRetry)
}

// accepted notes that all writes of a Release were done.
func (f *freshness) accepted(release types.UID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.refusals, release)
	delete(f.unsent, release)
}

// failed notes that a write of a Release was refused, though it was decided on the world as it is, as by a webhook.
func (f *freshness) failed(release types.UID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unsent[release]++
}

// failures is at how many looks in a row it was so until now.
func (f *freshness) failures(release types.UID) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unsent[release]
}

// forget drops an object that is gone.
func (f *freshness) forget(uid types.UID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.written, uid)
	delete(f.told, uid)
	delete(f.refusals, uid)
	delete(f.unsent, uid)
}

func nameOf(obj client.Object) string {
	return obj.GetObjectKind().GroupVersionKind().GroupKind().String() + " " + client.ObjectKeyFromObject(obj).String()
}
