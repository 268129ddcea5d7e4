package release

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// freshFor is how long an object that we made may be missing from a cache before it counts as deleted
// by somebody else.
const freshFor = 5 * time.Second

// freshness remembers what our own writes made, so that no decision is planned on a cache that has
// not seen them: such a plan would only be refused. It saves requests; what keeps decisions right is
// the fence.
type freshness struct {
	clock   Clock
	mu      sync.Mutex
	written map[types.UID]string
	made    map[string]time.Time
	removed map[string]types.UID
	news    map[types.UID]time.Time
}

func newFreshness(clock Clock) *freshness {
	return &freshness{
		clock: clock, written: map[types.UID]string{}, made: map[string]time.Time{},
		removed: map[string]types.UID{}, news: map[types.UID]time.Time{},
	}
}

// wrote notes an object as the API server returned it.
func (f *freshness) wrote(obj client.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.written[obj.GetUID()] = obj.GetResourceVersion()
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

// gone reports whether we have deleted obj and the cache has yet to see it.
func (f *freshness) gone(obj client.Object) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.removed[nameOf(obj)] == obj.GetUID()
}

// stale reports whether obj is older than our own last write to it. An object that caught up is
// forgotten.
func (f *freshness) stale(obj client.Object) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.made, nameOf(obj))
	written, ok := f.written[obj.GetUID()]
	if !ok {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), written)
	if err == nil && order < 0 {
		return true
	}
	delete(f.written, obj.GetUID())
	return false
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

// told notes that the status of a Release was written now.
func (f *freshness) told(uid types.UID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.news[uid] = f.clock()
}

// lastNews is when the status of a Release was written last; the zero time if not by this process.
func (f *freshness) lastNews(uid types.UID) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.news[uid]
}

// forget drops an object that is gone.
func (f *freshness) forget(uid types.UID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.written, uid)
	delete(f.news, uid)
}

func nameOf(obj client.Object) string {
	return obj.GetObjectKind().GroupVersionKind().GroupKind().String() + " " + client.ObjectKeyFromObject(obj).String()
}
