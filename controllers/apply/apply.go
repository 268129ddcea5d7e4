// Package apply sends the writes that the pure packages describe. It is the only place that turns an
// intent into a request.
package apply

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/intent"
)

// Send sends one write and returns the object as the API server has it now. The API server refuses the
// write (409) if the object is not the one, in the version, that it was decided on. Errors keep their
// API status: IsConflict, IsAlreadyExists and IsNotFound tell that the world moved on.
func Send(ctx context.Context, c client.Client, w intent.Write) (*unstructured.Unstructured, error) {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(w.Kind)
	obj.SetNamespace(w.Namespace)
	obj.SetName(w.Name)
	obj.SetUID(w.UID)
	obj.SetResourceVersion(w.ResourceVersion)
	owner := client.FieldOwner(v1alpha1.FieldManager)
	var err error
	switch w.Verb {
	case intent.Create:
		obj = w.Object.DeepCopy()
		err = c.Create(ctx, obj, owner)
	case intent.Patch:
		err = c.Patch(ctx, obj, client.RawPatch(types.MergePatchType, w.Body), owner)
	case intent.Scale:
		scale := &autoscalingv1.Scale{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: w.Name, UID: w.UID, ResourceVersion: w.ResourceVersion},
			Spec:       autoscalingv1.ScaleSpec{Replicas: w.Replicas},
		}
		err = c.SubResource("scale").Update(ctx, obj, client.WithSubResourceBody(scale), owner)
		obj.SetResourceVersion(scale.ResourceVersion)
	case intent.Delete:
		err = c.Delete(ctx, obj, client.Preconditions{UID: &w.UID, ResourceVersion: &w.ResourceVersion})
	}
	if err != nil {
		return obj, fmt.Errorf("%s: %w", w, err)
	}
	return obj, nil
}
