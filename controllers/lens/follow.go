package lens

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Subject is an object of the namespace that a Release depends on: its workload, a Service or a route.
// What belongs to it counts as it: ReplicaSets and pods as the workload, endpoints as the Service. Without a name it is
// every object of the kind.
type Subject struct {
	Kind schema.GroupKind
	Name string
}

// follower is a Release that is woken when one of its subjects changes.
type follower struct {
	uid      types.UID
	subjects map[Subject]bool
	wake     func(changed client.Object)
}

// Follow has wake called whenever one of the subjects changes, with what it is then, nil if it is gone, until the
// Release leaves. To follow again replaces what was followed.
func (l *Lens) Follow(release client.Object, subjects []Subject, wake func(changed client.Object)) {
	f := follower{uid: release.GetUID(), subjects: map[Subject]bool{}, wake: wake}
	for _, s := range subjects {
		f.subjects[s] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.followers[client.ObjectKeyFromObject(release)] = f
}

func (l *Lens) leave(release types.NamespacedName) types.UID {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.followers[release]
	delete(l.followers, release)
	return left.uid
}

func (l *Lens) followed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.followers) > 0
}

// wake wakes the Releases that an object matters to, which has come or changed.
func (l *Lens) wake(changed any) {
	if obj, ok := changed.(client.Object); ok {
		l.wakeWith(obj, obj)
	}
}

// wakeGone wakes the Releases that an object mattered to, which is gone: the last that was seen of it may be
// what they wrote themselves.
func (l *Lens) wakeGone(gone any) {
	if last, ok := gone.(toolscache.DeletedFinalStateUnknown); ok {
		gone = last.Obj
	}
	if obj, ok := gone.(client.Object); ok {
		l.wakeWith(obj, nil)
	}
}

func (l *Lens) wakeWith(obj, changed client.Object) {
	subject := l.subjectOf(obj)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.followers {
		if f.subjects[subject] || f.subjects[Subject{Kind: subject.Kind}] {
			f.wake(changed)
		}
	}
}

var (
	replicaSetKind = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")
	serviceKind    = corev1.SchemeGroupVersion.WithKind("Service").GroupKind()
)

// subjectOf returns what an object belongs to: zero if that is nothing that a Release depends on.
func (l *Lens) subjectOf(obj client.Object) Subject {
	switch typed := obj.(type) {
	case *corev1.Pod:
		owner := metav1.GetControllerOfNoCopy(typed)
		if owner == nil {
			return Subject{}
		}
		revision := ofKind(replicaSetKind)
		if l.Get(context.Background(), types.NamespacedName{Namespace: l.namespace, Name: owner.Name}, revision) != nil {
			return Subject{} // not a ReplicaSet's, or that is gone: its own event wakes
		}
		return ownerOf(revision)
	case *discoveryv1.EndpointSlice:
		return Subject{Kind: serviceKind, Name: typed.Labels[discoveryv1.LabelServiceName]}
	case *unstructured.Unstructured:
		if kind := typed.GroupVersionKind(); kind != replicaSetKind {
			return Subject{Kind: kind.GroupKind(), Name: typed.GetName()}
		}
		return ownerOf(typed)
	}
	return Subject{}
}

func ownerOf(obj client.Object) Subject {
	owner := metav1.GetControllerOf(obj)
	if owner == nil {
		return Subject{}
	}
	return Subject{Kind: schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind(), Name: owner.Name}
}
