package lens

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Indexes by which lists are read without a look at all objects of the namespace.
const (
	// ByOwner finds ReplicaSets and pods by the UID of their controller.
	ByOwner = "controller"
	// ByService finds EndpointSlices by the name of their Service.
	ByService = "service"
)

// Lens is the cache of one namespace. What it returns is shared: it must not be changed.
type Lens struct {
	client.Reader

	namespace string
	// direct reads from the API server.
	direct client.Reader
	cache  cache.Cache
	mapper meta.RESTMapper
	cancel context.CancelFunc
	idle   *time.Timer

	opening   singleflight.Group
	mu        sync.Mutex
	kinds     map[schema.GroupKind]schema.GroupVersionKind
	followers map[types.NamespacedName]follower
}

// start opens a lens and waits for its first reading.
func (l *Lenses) start(ctx context.Context, namespace string) (*Lens, error) {
	c, err := cache.New(l.Config, l.options(namespace))
	if err != nil {
		return nil, err
	}
	direct, err := client.New(l.Config, client.Options{HTTPClient: l.HTTP, Scheme: l.Scheme, Mapper: l.Mapper})
	if err != nil {
		return nil, err
	}
	// The lens outlives this call: it ends when nobody uses it, or with the process.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	lens := &Lens{
		Reader: c, namespace: namespace, direct: direct, cache: c, mapper: l.Mapper, cancel: cancel,
		kinds: map[schema.GroupKind]schema.GroupVersionKind{}, followers: map[types.NamespacedName]follower{},
	}
	synced, err := lens.watchAll(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	go func() {
		_ = c.Start(background) // ends with the context only
	}()
	syncing, done := context.WithTimeout(ctx, syncDeadline)
	defer done()
	if !toolscache.WaitFor(syncing, "", synced...) {
		cancel()
		return nil, fmt.Errorf("caches did not sync within %s", syncDeadline)
	}
	return lens, nil
}

func (l *Lenses) options(namespace string) cache.Options {
	special := map[client.Object]cache.ByObject{
		&corev1.Pod{}: {Transform: slimPod}, ofKind(replicaSetKind): {Transform: slimRevision},
		&discoveryv1.EndpointSlice{}: {Transform: slimEndpoints}, ofKind(corev1.SchemeGroupVersion.WithKind("Service")): {Transform: SlimManagers},
	}
	shared := true
	return cache.Options{
		HTTPClient: l.HTTP, Scheme: l.Scheme, Mapper: remembering{RESTMapper: l.Mapper, known: &sync.Map{}},
		DefaultNamespaces:            map[string]cache.Config{namespace: {}},
		DefaultUnsafeDisableDeepCopy: &shared,
		ByObject:                     special,
		NewInformer:                  informer,
	}
}

// watchAll registers all informers, before the cache starts, and returns what tells that each has its
// first reading.
func (l *Lens) watchAll(ctx context.Context) ([]toolscache.DoneChecker, error) {
	replicaSet := ofKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	indexes := []struct {
		obj   client.Object
		field string
		by    client.IndexerFunc
	}{
		{replicaSet, ByOwner, controllerOf},
		{&corev1.Pod{}, ByOwner, controllerOf},
		{&discoveryv1.EndpointSlice{}, ByService, serviceOf},
	}
	for _, index := range indexes {
		if err := l.cache.IndexField(ctx, index.obj, index.field, index.by); err != nil {
			return nil, err
		}
	}
	watched := []client.Object{replicaSet, &corev1.Pod{}, &discoveryv1.EndpointSlice{}, ofKind(corev1.SchemeGroupVersion.WithKind("Service"))}
	var synced []toolscache.DoneChecker
	for _, obj := range watched {
		registered, err := l.watch(ctx, obj)
		if err != nil {
			return nil, err
		}
		synced = append(synced, registered.HasSyncedChecker())
	}
	return synced, nil
}

func (l *Lens) watch(ctx context.Context, obj client.Object) (toolscache.ResourceEventHandlerRegistration, error) {
	informer, err := l.cache.GetInformer(ctx, obj)
	if err != nil {
		return nil, err
	}
	return informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: l.wake,
		UpdateFunc: func(before, after any) {
			if Material(before, after) {
				l.wake(after)
			}
		},
		DeleteFunc: l.wakeGone,
	})
}

// KindOf returns the served version of a kind of route or of what stands beside one, and watches it from the first time on.
// Only those that a Release needs are watched. Of routes the managedFields are kept: they tell who contends for one.
func (l *Lens) KindOf(ctx context.Context, gk schema.GroupKind) (schema.GroupVersionKind, error) {
	l.mu.Lock()
	gvk, ok := l.kinds[gk]
	l.mu.Unlock()
	if ok {
		return gvk, nil
	}
	found, err, _ := l.opening.Do(gk.String(), func() (any, error) { return l.open(ctx, gk) })
	if err != nil {
		return gvk, err
	}
	return found.(schema.GroupVersionKind), nil
}

func (l *Lens) open(ctx context.Context, gk schema.GroupKind) (schema.GroupVersionKind, error) {
	mapping, err := l.mapper.RESTMapping(gk)
	if err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("find the version of %s: %w", gk, err)
	}
	gvk := mapping.GroupVersionKind
	syncing, done := context.WithTimeout(ctx, syncDeadline)
	defer done()
	// The mapper never forgets a kind, and what watches one whose CRD was deleted would wait for it for ever.
	one := &unstructured.UnstructuredList{}
	one.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	err = l.direct.List(syncing, one, client.InNamespace(l.namespace), client.Limit(1))
	if apierrors.IsNotFound(err) {
		return gvk, &meta.NoKindMatchError{GroupKind: gk, SearchedVersions: []string{gvk.Version}}
	}
	if err != nil {
		return gvk, fmt.Errorf("list %s: %w", gk, err)
	}
	if _, err := l.watch(syncing, ofKind(gvk)); err != nil {
		return gvk, fmt.Errorf("watch %s: %w", gk, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kinds[gk] = gvk
	return gvk, nil
}

// informer reads first from what the API server has in memory (resourceVersion 0): a streamed list waits
// for the server to be sure that this is the latest, up to 100 ms. What is decided on a reading that is
// older is refused by its fence.
func informer(source toolscache.ListerWatcher, obj runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	return toolscache.NewSharedIndexInformer(listsFirst{source}, obj, resync, indexers)
}

type listsFirst struct{ toolscache.ListerWatcher }

// IsWatchListSemanticsUnSupported is what a reflector asks before it streams its first list.
func (listsFirst) IsWatchListSemanticsUnSupported() bool { return true }

func controllerOf(obj client.Object) []string {
	owner := metav1.GetControllerOfNoCopy(obj)
	if owner == nil {
		return nil
	}
	return []string{string(owner.UID)}
}

func serviceOf(obj client.Object) []string {
	return []string{obj.GetLabels()[discoveryv1.LabelServiceName]}
}

func ofKind(gvk schema.GroupVersionKind) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(gvk)
	return obj
}
