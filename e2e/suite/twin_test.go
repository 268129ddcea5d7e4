package suite_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/e2e/suite/world"
)

// compared are the kinds whose objects must be as if Crossfade had never been there.
var compared = []schema.GroupVersionKind{
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	{Version: "v1", Kind: "Service"},
	{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"},
	{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "GRPCRoute"},
	{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "TLSRoute"},
	{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "TCPRoute"},
	{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "BackendTLSPolicy"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
	{Group: "traefik.io", Version: "v1alpha1", Kind: "IngressRoute"},
	{Group: "traefik.io", Version: "v1alpha1", Kind: "TraefikService"},
	{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"},
	{Group: "networking.istio.io", Version: "v1", Kind: "DestinationRule"},
}

// twin is the same app in a namespace of its own without a Rollout.
type twin struct {
	*scenario
	app world.App
}

// requireLikeTwin leads a twin through moves, which begin with the first version in place, and requires that both
// end up the same. An aborted release rests: paused, with its template marked, and the rejected ReplicaSet at 0.
func (s *scenario) requireLikeTwin(rests bool, moves ...func(*twin)) {
	s.t.Helper()
	native := &twin{scenario: s, app: s.begun}
	native.app.Namespace += "-twin"
	native.app.Host = "twin." + native.app.Host
	s.createNamespace(native.app.Namespace)
	s.apply(native.app)
	s.awaitComplete(native.app)
	for _, move := range moves {
		move(native)
	}
	rejected := ""
	if rests {
		rejected = s.story.latest().Status.Canary.Revision
	}
	ours, theirs := "", ""
	// What the native controller writes after the end may still be on its way; a difference that stays is shown.
	_ = wait.PollUntilContextTimeout(s.ctx, time.Second, soon/2, true, func(context.Context) (bool, error) {
		ours = s.stateOf(s.app.Namespace, rejected)
		theirs = strings.ReplaceAll(s.stateOf(native.app.Namespace, rejected), native.app.Host, s.app.Host)
		return ours == theirs, nil
	})
	if ours != theirs {
		require.Fail(s.t, "objects differ from those of the twin", "- the twin's, + ours:\n%s", difference(theirs, ours))
	}
	s.requireNothingLeft()
}

// ships is a move that applies another version natively.
func ships(version string) func(*twin) {
	return func(n *twin) {
		n.t.Helper()
		n.app.Version = version
		require.NoError(n.t, shared.Apply(n.ctx, n.app.Deployment()))
		n.awaitComplete(n.app)
	}
}

// holdsV2 is a move that applies v2 to a paused Deployment, which is how a rejected version rests.
func holdsV2(flags ...string) func(*twin) {
	return func(n *twin) {
		n.t.Helper()
		before := n.deployment(n.app.Namespace)
		paused := before.DeepCopy()
		paused.Spec.Paused = true
		require.NoError(n.t, shared.Client.Patch(n.ctx, paused, client.MergeFrom(before)))
		n.app.Version, n.app.Flags = "v2", append(append([]string{}, n.begun.Flags...), flags...)
		require.NoError(n.t, shared.Apply(n.ctx, n.app.Deployment()))
	}
}

// stateOf is what is compared of a namespace, as text. The ReplicaSet of the rejected revision must be at 0 and is
// left out, and so is that the Deployment is paused over it; "" means that none was rejected.
func (s *scenario) stateOf(namespace, rejected string) string {
	s.t.Helper()
	state := map[string]any{}
	for _, kind := range compared {
		for _, obj := range s.list(kind, namespace) {
			hash := obj.GetLabels()[v1alpha1.LabelTemplateHash]
			if rejected != "" && hash == rejected {
				replicas, _, err := unstructured.NestedInt64(obj.Object, "spec", "replicas")
				require.NoError(s.t, err)
				require.Zero(s.t, replicas, "replicas of the rejected ReplicaSet")
				continue
			}
			setAside(&obj)
			if rejected != "" {
				unstructured.RemoveNestedField(obj.Object, "spec", "paused")
				unstructured.RemoveNestedField(obj.Object, "spec", "template", "metadata", "annotations", v1alpha1.AnnotationPending)
				prune(obj.Object, "spec", "template", "metadata", "annotations")
			}
			state[kind.Kind+" "+obj.GetName()] = obj.Object
		}
	}
	return toJSON(state)
}

// setAside takes off what differs between any two objects, what the cluster reports of them, and the arming label.
func setAside(obj *unstructured.Unstructured) {
	unstructured.RemoveNestedField(obj.Object, "status")
	for _, field := range []string{"namespace", "uid", "resourceVersion", "generation", "managedFields", "creationTimestamp", "ownerReferences"} {
		unstructured.RemoveNestedField(obj.Object, "metadata", field)
	}
	for _, field := range []string{"clusterIP", "clusterIPs"} {
		unstructured.RemoveNestedField(obj.Object, "spec", field)
	}
	if obj.GetKind() == "Deployment" {
		unstructured.RemoveNestedField(obj.Object, "metadata", "labels", v1alpha1.LabelRollout)
	}
	// What the native controller notes on a ReplicaSet when it scales it depends on when that was.
	for _, annotation := range []string{"deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history", "deployment.kubernetes.io/max-replicas", lastApplied} {
		unstructured.RemoveNestedField(obj.Object, "metadata", "annotations", annotation)
	}
	prune(obj.Object, "metadata", "annotations")
}

// prune removes a map that has become empty.
func prune(obj map[string]any, path ...string) {
	if left, found, err := unstructured.NestedMap(obj, path...); err == nil && found && len(left) == 0 {
		unstructured.RemoveNestedField(obj, path...)
	}
}

// requireNothingLeft requires that nothing of Crossfade's is left in the namespace but the arming label and Releases.
// What is compared with the twin's is not looked at again.
func (s *scenario) requireNothingLeft() {
	s.t.Helper()
	ours := func() (left []string) {
		for _, kind := range []string{"Pod", "Endpoints", "ConfigMap", "Secret"} {
			for _, obj := range s.list(schema.GroupVersionKind{Version: "v1", Kind: kind}, s.app.Namespace) {
				left = append(left, ourMarks(obj)...)
			}
		}
		for _, obj := range s.list(schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}, s.app.Namespace) {
			left = append(left, ourMarks(obj)...)
			if obj.GetLabels()["kubernetes.io/service-name"] != world.AppName {
				left = append(left, "EndpointSlice "+obj.GetName())
			}
		}
		for _, release := range s.list(v1alpha1.GroupVersion.WithKind("Release"), s.app.Namespace) {
			if _, active := release.GetLabels()[v1alpha1.LabelActive]; active || len(release.GetFinalizers()) > 0 {
				left = append(left, "Release "+release.GetName()+" in flight")
			}
		}
		return left
	}
	s.eventually(soon, "clean namespace", func() (string, bool) {
		left := ours()
		return strings.Join(left, ", "), len(left) == 0
	})
}

// ourMarks are the labels and annotations of ours on an object.
func ourMarks(obj unstructured.Unstructured) []string {
	var marks []string
	for _, keys := range []map[string]string{obj.GetLabels(), obj.GetAnnotations()} {
		for key := range keys {
			if strings.Contains(key, v1alpha1.GroupVersion.Group+"/") {
				marks = append(marks, fmt.Sprintf("%s %s: %s", obj.GetKind(), obj.GetName(), key))
			}
		}
	}
	return marks
}

func (s *scenario) list(kind schema.GroupVersionKind, namespace string) []unstructured.Unstructured {
	s.t.Helper()
	list := &unstructured.UnstructuredList{}
	kind.Kind += "List"
	list.SetGroupVersionKind(kind)
	err := shared.Client.List(s.ctx, list, client.InNamespace(namespace))
	if meta.IsNoMatchError(err) {
		return nil // this cluster does not have the kind
	}
	require.NoError(s.t, err)
	return list.Items
}
