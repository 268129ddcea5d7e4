package release_test

import (
	"context"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/lens"
	"crossfade.io/crossfade/controllers/release"
	"crossfade.io/crossfade/workload/nativedeployment"
)

// reading is a world as a cache has it. Nothing of it is ever changed in place.
type reading struct {
	release     *v1alpha1.Release
	deployment  *unstructured.Unstructured
	replicaSets []*unstructured.Unstructured
	pods        []nativedeployment.Pod
	slices      map[string]*discoveryv1.EndpointSlice
	objects     map[string]*unstructured.Unstructured
}

// The kinds of which a cache may lag behind; each has a watch of its own.
const (
	kindRelease    = "Release"
	kindDeployment = "Deployment"
	kindReplicaSet = "ReplicaSet"
	kindPod        = "Pod"
	kindSlice      = "EndpointSlice"
	kindService    = "Service"
	kindRoute      = "HTTPRoute"
	kindIngress    = "Ingress"
	kindPolicy     = "BackendTLSPolicy"
)

// lagging are these kinds.
var lagging = []string{kindRelease, kindDeployment, kindReplicaSet, kindPod, kindSlice, kindService, kindRoute, kindIngress}

// present is the world as it is.
func (w *world) present() reading {
	now := w.around()
	now.release = w.theRelease()
	return now
}

// around is the same without the Release.
func (w *world) around() reading {
	return reading{
		deployment: w.model.Deployment, replicaSets: w.model.ReplicaSets, pods: w.model.Pods, slices: w.slices, objects: w.store.objects,
	}
}

// kept is the world as it is, to be looked at later.
func (w *world) kept() reading {
	now := w.present()
	now.slices, now.objects = maps.Clone(now.slices), maps.Clone(now.objects)
	return now
}

// of is what the cache of a kind has.
func (w *world) of(kind string) reading {
	if old, lags := w.lag[kind]; lags {
		return old
	}
	if kind == kindRelease {
		return w.present()
	}
	return w.around()
}

// views are the lenses on a world.
type views struct{ world *world }

// Open returns the view of a namespace.
func (v views) Open(_ context.Context, namespace string) (release.View, error) {
	return view{v.world, namespace}, nil
}

// Leave ends what was never begun.
func (v views) Leave(types.NamespacedName) types.UID { return "" }

// view is what the shell reads of a world in a namespace. Only a route can be in another one than all else.
type view struct {
	world     *world
	namespace string
}

// Follow is not needed: the world looks whenever it likes.
func (view) Follow(client.Object, []lens.Subject, func(client.Object)) {}

// KindOf knows one version of the kinds of route, and of one kind of policy.
func (view) KindOf(_ context.Context, kind schema.GroupKind) (schema.GroupVersionKind, error) {
	if kind.Kind != kindRoute && kind.Kind != kindIngress && kind.Kind != kindPolicy {
		return schema.GroupVersionKind{}, &meta.NoKindMatchError{GroupKind: kind}
	}
	return kind.WithVersion("v1"), nil
}

// Get reads a Service or a route.
func (v view) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	out := obj.(*unstructured.Unstructured)
	kind := out.GroupVersionKind()
	found := v.world.of(kind.Kind).objects[keyOf(kind.Kind, key.Name)]
	if found == nil || key.Namespace != v.namespace || found.GetNamespace() != v.namespace {
		return notFound(kind, key.Name)
	}
	out.Object = found.Object
	return nil
}

func notFound(kind schema.GroupVersionKind, name string) error {
	return apierrors.NewNotFound(schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, name)
}

// List reads by the indexes that a lens has.
func (v view) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	options := (&client.ListOptions{}).ApplyOptions(opts)
	switch out := list.(type) {
	case *unstructured.UnstructuredList:
		if kind := strings.TrimSuffix(out.GetKind(), "List"); kind != kindReplicaSet {
			objects := ofKind(v.world.of(kind).objects, kind)
			for _, key := range sortedKeys(objects) {
				if objects[key].GetNamespace() == v.namespace {
					out.Items = append(out.Items, *objects[key])
				}
			}
			return nil
		}
		owner, ok := options.FieldSelector.RequiresExactMatch(lens.ByOwner)
		v.known(ok, list)
		for _, rs := range v.world.of(kindReplicaSet).replicaSets {
			if controller := metav1.GetControllerOfNoCopy(rs); controller != nil && string(controller.UID) == owner {
				out.Items = append(out.Items, *rs)
			}
		}
	case *corev1.PodList:
		owner, ok := options.FieldSelector.RequiresExactMatch(lens.ByOwner)
		v.known(ok, list)
		out.Items = v.pods(types.UID(owner))
	case *discoveryv1.EndpointSliceList:
		service, ok := options.FieldSelector.RequiresExactMatch(lens.ByService)
		v.known(ok, list)
		if slice := v.world.of(kindSlice).slices[service]; slice != nil {
			out.Items = append(out.Items, *slice)
		}
	default:
		v.known(false, list)
	}
	return nil
}

func (v view) known(known bool, list client.ObjectList) {
	if !known {
		panic(fmt.Sprintf("nobody reads %T so", list))
	}
}

// pods renders the pods of a ReplicaSet.
func (v view) pods(owner types.UID) []corev1.Pod {
	var out []corev1.Pod
	for _, rs := range v.world.model.ReplicaSets {
		if rs.GetUID() != owner {
			continue
		}
		for _, pod := range v.world.of(kindPod).pods {
			if pod.Owner == owner {
				out = append(out, *pod.Object(rs))
			}
		}
	}
	return out
}
