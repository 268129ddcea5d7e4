package rollout

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
)

// stale is the age of a list of routes that is not gone by any more. Every look at a Rollout with a match needs one, of all
// namespaces it may be, and after a start or a change of the gate all are looked at.
const stale = 10 * time.Second

// rivals keeps the routes that were listed last, for a short time. They are shared, so that nobody may change them. Its zero value
// has none.
type rivals struct {
	mu     sync.Mutex
	listed map[trafficrouting.Reference]listing
}

type listing struct {
	at     time.Time
	routes []*unstructured.Unstructured
}

// recent returns the routes that a reference is to, read anew if that was not done of late. Who asks meanwhile waits for the
// same answer.
func (r *rivals) recent(of trafficrouting.Reference, now time.Time, read func() ([]*unstructured.Unstructured, error)) ([]*unstructured.Unstructured, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.listed[of]; ok && now.Sub(known.at) < stale {
		return known.routes, nil
	}
	routes, err := read()
	if err != nil {
		return nil, err
	}
	for ref, old := range r.listed {
		if now.Sub(old.at) >= stale {
			delete(r.listed, ref)
		}
	}
	for _, route := range routes {
		route.SetManagedFields(nil)
	}
	if r.listed == nil {
		r.listed = map[trafficrouting.Reference]listing{}
	}
	r.listed[of] = listing{at: now, routes: routes}
	return routes, nil
}
