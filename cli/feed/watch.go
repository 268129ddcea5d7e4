package feed

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// Watch sends a Snapshot whenever something in the scope changed, or the connection was lost, until
// the context ends; then it closes the channel. Of Snapshots that nobody took only the latest is kept.
func Watch(ctx context.Context, c client.WithWatch, scope Scope) <-chan Snapshot {
	w := &watcher{scope: scope, out: make(chan Snapshot, 1)}
	w.rollouts = w.informer(c, &v1alpha1.Rollout{}, &v1alpha1.RolloutList{}, fieldsOf(scope), nil)
	w.releases = w.informer(c, &v1alpha1.Release{}, &v1alpha1.ReleaseList{}, nil, labelsOf(scope))
	var running sync.WaitGroup
	for _, informer := range []cache.SharedIndexInformer{w.rollouts, w.releases} {
		running.Go(func() { informer.RunWithContext(ctx) })
	}
	go func() {
		cache.WaitForCacheSync(ctx.Done(), w.rollouts.HasSynced, w.releases.HasSynced)
		w.send(nil)
		running.Wait()
		w.close()
	}()
	return w.out
}

type watcher struct {
	scope              Scope
	rollouts, releases cache.SharedIndexInformer

	mu     sync.Mutex
	closed bool
	out    chan Snapshot
}

// lists is a client that cannot stream lists, which keeps reflectors to list and watch: for a handful
// of objects that is as good, and every API server does it.
type lists struct{}

// IsWatchListSemanticsUnSupported is what client-go asks for.
func (lists) IsWatchListSemanticsUnSupported() bool { return true }

func (w *watcher) informer(c client.WithWatch, object client.Object, list client.ObjectList, byField fields.Selector, byLabel labels.Selector) cache.SharedIndexInformer {
	options := func(raw metav1.ListOptions) *client.ListOptions {
		return &client.ListOptions{Namespace: w.scope.Namespace, FieldSelector: byField, LabelSelector: byLabel, Raw: &raw}
	}
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, raw metav1.ListOptions) (runtime.Object, error) {
			into := list.DeepCopyObject().(client.ObjectList)
			return into, c.List(ctx, into, options(raw))
		},
		WatchFuncWithContext: func(ctx context.Context, raw metav1.ListOptions) (watch.Interface, error) {
			return c.Watch(ctx, list.DeepCopyObject().(client.ObjectList), options(raw))
		},
	}
	informer := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(lw, lists{}), object, 0, cache.Indexers{})
	changed := func() {
		if w.rollouts.HasSynced() && w.releases.HasSynced() {
			w.send(nil)
		}
	}
	// Both calls fail only on an informer that has been started or stopped.
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	})
	_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		w.send(fmt.Errorf("watch the cluster: %w", err))
	})
	return informer
}

// send replaces a Snapshot that nobody took.
func (w *watcher) send(err error) {
	snapshot := Snapshot{Err: err}
	var all []v1alpha1.Rollout
	for _, o := range w.rollouts.GetStore().List() {
		all = append(all, *o.(*v1alpha1.Rollout).DeepCopy())
	}
	snapshot.Rollouts = w.scope.of(all)
	for _, o := range w.releases.GetStore().List() {
		snapshot.Releases = append(snapshot.Releases, *o.(*v1alpha1.Release).DeepCopy())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	select {
	case <-w.out:
	default:
	}
	w.out <- snapshot
}

func (w *watcher) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	close(w.out)
}

func fieldsOf(s Scope) fields.Selector {
	if s.Name == "" {
		return nil
	}
	return fields.OneTermEqualSelector(metav1.ObjectNameField, s.Name)
}

func labelsOf(s Scope) labels.Selector {
	if s.Name == "" {
		return nil
	}
	return labels.SelectorFromSet(labels.Set{v1alpha1.LabelRollout: s.Name})
}
