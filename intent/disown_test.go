package intent_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/intent"
)

func TestDisown(t *testing.T) {
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, subresource string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{
			Manager: manager, Operation: operation, Subresource: subresource, APIVersion: "v1", FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`),
		}
	}
	const apply, update = metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate
	ours, helm, status := entry("crossfade", update, ""), entry("helm", apply, ""), entry("crossfade", update, "status")
	for name, c := range map[string]struct{ all, left []metav1.ManagedFieldsEntry }{
		"ours goes where another applies":                 {[]metav1.ManagedFieldsEntry{ours, helm, status}, []metav1.ManagedFieldsEntry{helm, status}},
		"nothing of ours":                                 {[]metav1.ManagedFieldsEntry{helm}, nil},
		"nobody applies: whoever updates asks no manager": {[]metav1.ManagedFieldsEntry{ours, entry("kubectl-edit", update, "")}, nil},
		"nothing at all":                                  {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			live := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service", "spec": map[string]any{}}}
			live.SetName("checkout")
			live.SetUID("1234")
			live.SetResourceVersion("7")
			live.SetManagedFields(c.all)
			before := live.DeepCopy()
			w, due, err := intent.Disown(live, "crossfade")
			require.NoError(t, err)
			require.Equal(t, before, live)
			require.Equal(t, c.left != nil, due)
			if !due {
				return
			}
			require.Equal(t, intent.Patch, w.Verb)
			require.False(t, w.ChangesSpec)
			var patch struct{ Metadata metav1.ObjectMeta }
			require.NoError(t, json.Unmarshal(w.Body, &patch))
			require.Equal(t, metav1.ObjectMeta{UID: "1234", ResourceVersion: "7", ManagedFields: c.left}, patch.Metadata)
		})
	}
}
