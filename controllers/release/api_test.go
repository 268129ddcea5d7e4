package release_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/stretchr/testify/require"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
)

// apiServer is the API server of a world, as far as the shell knows it: reads from the caches of the manager, or
// past them, and writes with their preconditions.
type apiServer struct {
	client.Client
	world *world
	// uncached reads are never old.
	uncached bool
}

// Get reads the Release, its Rollout or the Deployment; the cache has Deployments by label.
func (a *apiServer) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	w := a.world
	if w.dead {
		return errDead
	}
	switch out := obj.(type) {
	case *v1alpha1.Release:
		if w.releaseGone || key != w.releaseKey() {
			return notFound(releaseKind, key.Name)
		}
		*out = *w.of(kindRelease).release
	case *v1alpha1.Rollout:
		if w.rolloutGone {
			return notFound(v1alpha1.GroupVersion.WithKind("Rollout"), key.Name)
		}
		*out = v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, UID: rolloutUID}}
		out.Spec.Suspend, out.Spec.Strategy.Steps = w.suspended, w.edited
	case *unstructured.Unstructured:
		found := w.model.Deployment
		if !a.uncached {
			found = w.of(kindDeployment).deployment
		}
		if found == nil || !a.uncached && found.GetLabels()[v1alpha1.LabelRollout] == "" {
			return notFound(out.GroupVersionKind(), key.Name)
		}
		out.Object = found.Object
	default:
		panic(fmt.Sprintf("nobody reads %T", obj))
	}
	return nil
}

var (
	releaseKind = v1alpha1.GroupVersion.WithKind("Release")
	errDead     = errors.New("the process is no more")
)

// Create makes a Service.
func (a *apiServer) Create(_ context.Context, obj client.Object, _ ...client.CreateOption) error {
	made := obj.(*unstructured.Unstructured)
	w := intent.Of(intent.Create, made, "")
	w.Object = made
	return a.write(w, func() error {
		if err := a.send(w); err != nil {
			return err
		}
		made.Object = a.world.store.objects[keyOf(w.Kind.Kind, w.Name)].Object
		return nil
	})
}

// Delete removes a Service, or the Release.
func (a *apiServer) Delete(_ context.Context, obj client.Object, opts ...client.DeleteOption) error {
	if _, ok := obj.(*v1alpha1.Release); ok {
		return a.write(intent.Write{Verb: intent.Delete, Kind: releaseKind, Name: obj.GetName()}, func() error {
			require.True(a.world.t, a.world.free, "the Release is deleted before it is free to go")
			a.world.releaseGone, a.world.ended = true, true
			return nil
		})
	}
	options := (&client.DeleteOptions{}).ApplyOptions(opts)
	w := intent.Of(intent.Delete, obj.(*unstructured.Unstructured), "")
	require.NotNil(a.world.t, options.Preconditions, "%s without preconditions", w)
	w.UID, w.ResourceVersion = *options.Preconditions.UID, *options.Preconditions.ResourceVersion
	return a.write(w, func() error { return a.send(w) })
}

// Patch merges into an object of the user's, or ends the Release.
func (a *apiServer) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	body, err := patch.Data(obj)
	if err != nil {
		return err
	}
	var fence struct {
		Metadata struct {
			UID             types.UID `json:"uid"`
			ResourceVersion string    `json:"resourceVersion"`
			Finalizers      *[]string `json:"finalizers"`
		} `json:"metadata"`
	}
	fence.Metadata.Finalizers = &[]string{v1alpha1.Finalizer}
	if err := json.Unmarshal(body, &fence); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if ended, ok := obj.(*v1alpha1.Release); ok {
		w := intent.Write{Verb: intent.Patch, Kind: releaseKind, Name: ended.Name}
		return a.write(w, func() error { return a.finish(ended, fence.Metadata.ResourceVersion, fence.Metadata.Finalizers == nil) })
	}
	out := obj.(*unstructured.Unstructured)
	w := intent.Of(intent.Patch, out, "")
	w.UID, w.ResourceVersion, w.Body = fence.Metadata.UID, fence.Metadata.ResourceVersion, body
	return a.write(w, func() error {
		if err := a.send(w); err != nil {
			return err
		}
		out.Object = a.world.stored(w.Kind.Kind, w.Name).Object
		return nil
	})
}

// finish takes the finalizer off.
func (a *apiServer) finish(out *v1alpha1.Release, version string, free bool) error {
	w := a.world
	if w.releaseGone {
		return notFound(releaseKind, out.Name)
	}
	if version != fmt.Sprint(w.releaseVersion) {
		return conflict(releaseKind, out.Name)
	}
	if free && !w.free {
		w.free = true
		w.releaseVersion++
	}
	w.ended = w.free && w.status.Outcome != v1alpha1.OutcomeDeleted
	out.ResourceVersion = fmt.Sprint(w.releaseVersion)
	return nil
}

func conflict(kind schema.GroupVersionKind, name string) error {
	return apierrors.NewConflict(schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, name, errors.New("another version"))
}

// stored is an object as it is.
func (w *world) stored(kind, name string) *unstructured.Unstructured {
	switch kind {
	case kindDeployment:
		return w.model.Deployment
	case kindReplicaSet:
		for _, rs := range w.model.ReplicaSets {
			if rs.GetName() == name {
				return rs
			}
		}
		return nil
	}
	return w.store.objects[keyOf(kind, name)]
}

func (a *apiServer) send(w intent.Write) error {
	if a.world.refused == keyOf(w.Kind.Kind, w.Name) {
		a.world.spoiled = true
		return apierrors.NewInternalError(errors.New("failed calling webhook: connection refused"))
	}
	if w.Kind.Kind == kindDeployment || w.Kind.Kind == kindReplicaSet {
		return a.world.model.Apply(w)
	}
	return a.world.store.apply(w)
}

// SubResource is scale.
func (a *apiServer) SubResource(string) client.SubResourceClient { return scaleWriter{server: a} }

type scaleWriter struct {
	client.SubResourceClient
	server *apiServer
}

// Update sizes a ReplicaSet.
func (s scaleWriter) Update(_ context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	options := (&client.SubResourceUpdateOptions{}).ApplyOptions(opts)
	scale := options.SubResourceBody.(*autoscalingv1.Scale)
	w := intent.Of(intent.Scale, obj.(*unstructured.Unstructured), "")
	w.UID, w.ResourceVersion, w.Replicas = scale.UID, scale.ResourceVersion, scale.Spec.Replicas
	return s.server.write(w, func() error {
		if err := s.server.send(w); err != nil {
			return err
		}
		scale.ResourceVersion = s.server.world.stored(w.Kind.Kind, w.Name).GetResourceVersion()
		return nil
	})
}

// Status is the Release's.
func (a *apiServer) Status() client.SubResourceWriter { return statusWriter{server: a} }

type statusWriter struct {
	client.SubResourceWriter
	server *apiServer
}

// Patch replaces the status at the version that the JSON patch names.
func (s statusWriter) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	body, err := patch.Data(obj)
	if err != nil {
		return err
	}
	return s.server.write(intent.Write{Verb: intent.Patch, Kind: releaseKind, Name: obj.GetName()}, func() error {
		return s.server.world.writeStatus(obj, body)
	})
}

func (w *world) writeStatus(out client.Object, body []byte) error {
	var steps []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if err := json.Unmarshal(body, &steps); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if w.releaseGone {
		return notFound(releaseKind, out.GetName())
	}
	var status *v1alpha1.ReleaseStatus
	fenced := false
	for _, step := range steps {
		switch step.Op + step.Path {
		case "replace/metadata/resourceVersion":
			if fenced = true; string(step.Value) != fmt.Sprintf("%q", fmt.Sprint(w.releaseVersion)) {
				return conflict(releaseKind, out.GetName())
			}
		case "add/status":
			status = &v1alpha1.ReleaseStatus{}
			if err := json.Unmarshal(step.Value, status); err != nil {
				return apierrors.NewBadRequest(err.Error())
			}
		}
	}
	require.True(w.t, fenced && status != nil, "a status is written without a fence: %s", body)
	w.decided()
	if !equality.Semantic.DeepEqual(w.status, *status) {
		w.status = *status
		w.releaseVersion++
	}
	out.SetResourceVersion(fmt.Sprint(w.releaseVersion))
	return nil
}
