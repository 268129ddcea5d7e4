// Package lens keeps a small cache for each namespace in which something is released: its pods,
// ReplicaSets, Services, endpoints, routes and policies, and nothing of the rest of the cluster. A namespace in
// which nothing happens has none.
package lens

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

const (
	// syncDeadline bounds how long one waits for the first reading of a namespace.
	syncDeadline = 30 * time.Second
	// lingering is how long a lens that nobody uses stays open: the next release of a busy namespace
	// begins without a reading.
	lingering = 5 * time.Minute
)

// Lenses opens and closes the lenses of namespaces.
type Lenses struct {
	Config *rest.Config
	HTTP   *http.Client
	Scheme *runtime.Scheme
	Mapper meta.RESTMapper

	opening singleflight.Group
	mu      sync.Mutex
	opened  map[string]*Lens
}

// Open returns the lens of a namespace. It blocks until one that was not open has its first reading.
func (l *Lenses) Open(ctx context.Context, namespace string) (*Lens, error) {
	if known := l.use(namespace); known != nil {
		return known, nil
	}
	opened, err, _ := l.opening.Do(namespace, func() (any, error) {
		if known := l.use(namespace); known != nil {
			return known, nil
		}
		made, err := l.start(ctx, namespace)
		if err != nil {
			return nil, fmt.Errorf("watch the objects of namespace %s: %w", namespace, err)
		}
		l.keep(made)
		return made, nil
	})
	if err != nil {
		return nil, err
	}
	return opened.(*Lens), nil
}

// use returns an open lens, and has it stay open for a while; nil if there is none.
func (l *Lenses) use(namespace string) *Lens {
	l.mu.Lock()
	defer l.mu.Unlock()
	lens := l.opened[namespace]
	if lens != nil {
		lens.idle.Reset(lingering)
	}
	return lens
}

func (l *Lenses) keep(lens *Lens) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened == nil {
		l.opened = map[string]*Lens{}
	}
	l.opened[lens.namespace] = lens
	lens.idle = time.AfterFunc(lingering, func() { l.closeUnused(lens) })
}

func (l *Lenses) closeUnused(lens *Lens) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lens.followed() {
		return // the last follower to leave sets the clock anew
	}
	lens.cancel()
	delete(l.opened, lens.namespace)
}

// Leave ends the following of a Release, in whatever namespaces, and returns its UID; empty if it followed nothing.
func (l *Lenses) Leave(release types.NamespacedName) types.UID {
	l.mu.Lock()
	defer l.mu.Unlock()
	var left types.UID
	for _, lens := range l.opened {
		if uid := lens.leave(release); uid != "" {
			lens.idle.Reset(lingering)
			left = uid
		}
	}
	return left
}
