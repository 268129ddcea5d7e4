package suite_test

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lastApplied is where kubectl apply keeps what it applied.
const lastApplied = corev1.LastAppliedConfigAnnotation

// tool brings an object to what a manifest says, as one of those does that keep a cluster in step with Git. Dry, it only
// says what the object would be.
type tool func(ctx context.Context, manifest *unstructured.Unstructured, dry bool) (*unstructured.Unstructured, error)

// serverSideApply is that of Flux, forced, and of Helm 4, not forced.
func serverSideApply(owner string, more ...client.ApplyOption) tool {
	return func(ctx context.Context, manifest *unstructured.Unstructured, dry bool) (*unstructured.Unstructured, error) {
		options := append([]client.ApplyOption{client.FieldOwner(owner)}, more...)
		if dry {
			options = append(options, client.DryRunAll)
		}
		obj := manifest.DeepCopy()
		return obj, shared.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(obj), options...)
	}
}

// gitOps is how the app's manifests are written if a scenario does not say otherwise.
var gitOps = serverSideApply("gitops", client.ForceOwnership)

// clientSideApply is kubectl apply and Argo CD's default: a patch of last applied, wanted and live.
func clientSideApply(ctx context.Context, manifest *unstructured.Unstructured, dry bool) (*unstructured.Unstructured, error) {
	wanted := manifest.DeepCopy()
	text, err := json.Marshal(manifest.Object)
	if err != nil {
		return nil, err
	}
	wanted.SetAnnotations(map[string]string{lastApplied: string(text)})
	return orCreate(ctx, wanted, func(live *unstructured.Unstructured) error {
		patch, err := threeWay(live, wanted)
		if err != nil {
			return err
		}
		return shared.Client.Patch(ctx, live, patch, patchOptions("kubectl-client-side-apply", dry)...)
	})
}

// threeWay is the patch of kubectl apply: strategic for what Kubernetes has built in.
func threeWay(live, wanted *unstructured.Unstructured) (client.Patch, error) {
	last := []byte(live.GetAnnotations()[lastApplied])
	current, err := json.Marshal(live.Object)
	if err != nil {
		return nil, err
	}
	modified, err := json.Marshal(wanted.Object)
	if err != nil {
		return nil, err
	}
	builtIn, ok := map[string]any{"Deployment": &appsv1.Deployment{}, "Service": &corev1.Service{}}[live.GetKind()]
	if !ok {
		patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(last, modified, current)
		return client.RawPatch(types.MergePatchType, patch), err
	}
	schema, err := strategicpatch.NewPatchMetaFromStruct(builtIn)
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(last, modified, current, schema, true)
	return client.RawPatch(types.StrategicMergePatchType, patch), err
}

// replace is kubectl replace: of what was read right before, since a Service and a route cannot be replaced otherwise.
// Where somebody else wrote in between it is refused, and tries again.
func replace(ctx context.Context, manifest *unstructured.Unstructured, dry bool) (obj *unstructured.Unstructured, err error) {
	err = retry.RetryOnConflict(untilWon, func() error {
		obj, err = orCreate(ctx, manifest.DeepCopy(), func(live *unstructured.Unstructured) error {
			options := []client.UpdateOption{client.FieldOwner("kubectl-replace")}
			if dry {
				options = append(options, client.DryRunAll)
			}
			version := live.GetResourceVersion()
			live.Object = manifest.DeepCopy().Object
			live.SetResourceVersion(version)
			return shared.Client.Update(ctx, live, options...)
		})
		return err
	})
	return obj, err
}

// jsonPatch replaces what a version differs in, and what a Release writes to.
func jsonPatch(ctx context.Context, manifest *unstructured.Unstructured, dry bool) (*unstructured.Unstructured, error) {
	return orCreate(ctx, manifest.DeepCopy(), func(live *unstructured.Unstructured) error {
		field := map[string]string{"Deployment": "template", "Service": "selector", "HTTPRoute": "rules"}[live.GetKind()]
		value, _, err := unstructured.NestedFieldCopy(manifest.Object, "spec", field)
		if err != nil {
			return err
		}
		patch, err := json.Marshal([]any{map[string]any{"op": "replace", "path": "/spec/" + field, "value": value}})
		if err != nil {
			return err
		}
		return shared.Client.Patch(ctx, live, client.RawPatch(types.JSONPatchType, patch), patchOptions("patch", dry)...)
	})
}

func patchOptions(owner string, dry bool) []client.PatchOption {
	options := []client.PatchOption{client.FieldOwner(owner)}
	if dry {
		options = append(options, client.DryRunAll)
	}
	return options
}

// orCreate changes the object that is there, into which the answer is written, or makes it.
func orCreate(ctx context.Context, wanted *unstructured.Unstructured, change func(live *unstructured.Unstructured) error) (*unstructured.Unstructured, error) {
	live := wanted.DeepCopy()
	err := shared.Client.Get(ctx, client.ObjectKeyFromObject(wanted), live)
	if apierrors.IsNotFound(err) {
		return wanted, shared.Client.Create(ctx, wanted)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", wanted.GetKind(), err)
	}
	return live, change(live)
}
