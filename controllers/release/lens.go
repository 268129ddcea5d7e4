package release

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// syncDeadline bounds how long a reconcile waits for the first reading of a Release's objects.
const syncDeadline = 30 * time.Second

// Lenses hold a small cache for each Release in flight: the pods, ReplicaSets, Services, endpoints
// and routes around it, and nothing of the rest of the cluster. An idle Rollout has none.
type Lenses struct {
	Config *rest.Config
	HTTP   *http.Client
	Scheme *runtime.Scheme
	Mapper meta.RESTMapper
	// Routes are the kinds of route that there are providers for.
	Routes []schema.GroupKind

	enqueue func(reconcile.Request)
	mu      sync.Mutex
	opened  map[types.NamespacedName]*lens
}

// lens is the cache of one Release.
type lens struct {
	uid    types.UID
	cache  cache.Cache
	cancel context.CancelFunc
	kinds  map[schema.GroupKind]schema.GroupVersionKind
}

// open returns the lens of a Release, started and synced. It blocks until its informers have synced.
// Where the workload is gone, its last selector goes on; without one the lens sees no pods.
func (l *Lenses) open(ctx context.Context, release client.Object, deployment *unstructured.Unstructured) (*lens, error) {
	key := client.ObjectKeyFromObject(release)
	if known, ok := l.known(key); ok {
		return known, nil
	}
	selector, err := podSelector(deployment)
	if err != nil {
		return nil, err
	}
	made, err := l.start(ctx, key, selector)
	if err != nil {
		return nil, fmt.Errorf("watch the objects of Release %s: %w", key, err)
	}
	made.uid = release.GetUID()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened == nil {
		l.opened = map[types.NamespacedName]*lens{}
	}
	l.opened[key] = made
	return made, nil
}

// known returns the lens of a Release if it is open. One Release is never opened twice at a time: the
// workqueue gives it to one worker.
func (l *Lenses) known(release types.NamespacedName) (*lens, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.opened[release]
	return known, ok
}

// close stops the watches of a Release and returns its UID; empty if none was open.
func (l *Lenses) close(release types.NamespacedName) types.UID {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.opened[release]
	if !ok {
		return ""
	}
	known.cancel()
	delete(l.opened, release)
	return known.uid
}

func podSelector(deployment *unstructured.Unstructured) (labels.Selector, error) {
	if deployment == nil {
		return labels.Nothing(), nil
	}
	var typed appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(deployment.Object, &typed); err != nil {
		return nil, fmt.Errorf("decode Deployment %s: %w", deployment.GetName(), err)
	}
	selector, err := metav1.LabelSelectorAsSelector(typed.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("read the selector of Deployment %s: %w", deployment.GetName(), err)
	}
	return selector, nil
}

func (l *Lenses) start(ctx context.Context, release types.NamespacedName, selector labels.Selector) (*lens, error) {
	watched := []client.Object{&corev1.Pod{}, &discoveryv1.EndpointSlice{}, ofKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet")), ofKind(corev1.SchemeGroupVersion.WithKind("Service"))}
	special := map[client.Object]cache.ByObject{
		&corev1.Pod{}:        {Label: selector},
		&appsv1.ReplicaSet{}: {Label: selector},
	}
	kinds := map[schema.GroupKind]schema.GroupVersionKind{}
	for _, gk := range l.Routes {
		mapping, err := l.Mapper.RESTMapping(gk)
		if meta.IsNoMatchError(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		kinds[gk] = mapping.GroupVersionKind
		route := ofKind(mapping.GroupVersionKind)
		// Who wrote a route is told by its managedFields; of all others they only cost memory.
		special[route] = cache.ByObject{Transform: func(obj any) (any, error) { return obj, nil }}
		watched = append(watched, route)
	}
	c, err := cache.New(l.Config, cache.Options{
		HTTPClient: l.HTTP, Scheme: l.Scheme, Mapper: l.Mapper,
		DefaultNamespaces: map[string]cache.Config{release.Namespace: {}},
		DefaultTransform:  cache.TransformStripManagedFields(),
		ByObject:          special,
	})
	if err != nil {
		return nil, err
	}
	// The lens outlives this reconcile: it ends with the Release, or with the process.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		_ = c.Start(background) // ends with the context only
	}()
	request := reconcile.Request{NamespacedName: release}
	for _, obj := range watched {
		informer, err := c.GetInformer(ctx, obj)
		if err == nil {
			_, err = informer.AddEventHandler(l.wake(request))
		}
		if err != nil {
			cancel()
			return nil, err
		}
	}
	syncing, done := context.WithTimeout(ctx, syncDeadline)
	defer done()
	if !c.WaitForCacheSync(syncing) {
		cancel()
		return nil, fmt.Errorf("caches did not sync within %s", syncDeadline)
	}
	return &lens{cache: c, cancel: cancel, kinds: kinds}, nil
}

// wake enqueues the Release on every event that the lens sees.
func (l *Lenses) wake(request reconcile.Request) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { l.enqueue(request) },
		UpdateFunc: func(any, any) { l.enqueue(request) },
		DeleteFunc: func(any) { l.enqueue(request) },
	}
}

// kindOf returns the served version of a kind of route.
func (l *lens) kindOf(gk schema.GroupKind) (schema.GroupVersionKind, error) {
	gvk, ok := l.kinds[gk]
	if !ok {
		return gvk, fmt.Errorf("%s is not installed", gk)
	}
	return gvk, nil
}

func ofKind(gvk schema.GroupVersionKind) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(gvk)
	return obj
}
