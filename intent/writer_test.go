package intent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/intent"
)

func TestWriterOf(t *testing.T) {
	begun := metav1.NewTime(time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC))
	entry := func(manager string, after time.Duration, subresource, fields string) metav1.ManagedFieldsEntry {
		at := metav1.NewTime(begun.Add(after))
		return metav1.ManagedFieldsEntry{
			Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, Subresource: subresource, APIVersion: "apps/v1",
			Time: &at, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields),
		}
	}
	const template, replicas = `{"f:spec":{"f:replicas":{},"f:template":{"f:metadata":{}}}}`, `{"f:spec":{"f:replicas":{}}}`
	for name, c := range map[string]struct {
		all  []metav1.ManagedFieldsEntry
		want string
		left int
	}{
		"who wrote it last":          {[]metav1.ManagedFieldsEntry{entry("helm", time.Hour, "", template), entry("kubectl-edit", 0, "", template)}, "helm", 2},
		"who wrote something else":   {[]metav1.ManagedFieldsEntry{entry("helm", 0, "", template), entry("kubectl-scale", time.Hour, "", replicas)}, "helm", 1},
		"who wrote a status":         {[]metav1.ManagedFieldsEntry{entry("helm", 0, "", template), entry("controller", time.Hour, "status", template)}, "helm", 1},
		"we do not count":            {[]metav1.ManagedFieldsEntry{entry("helm", 0, "", template), entry("crossfade", time.Hour, "", template)}, "helm", 2},
		"nobody, as far as is known": {[]metav1.ManagedFieldsEntry{entry("kubectl-scale", 0, "", replicas)}, "", 0},
		"no managers at all":         {nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			live := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"}}
			live.SetName("checkout")
			live.SetManagedFields(c.all)
			require.Equal(t, c.want, intent.WriterOf(live, "template", "crossfade"))
			intent.KeepWriters(live, "template")
			require.Equal(t, c.want, intent.WriterOf(live, "template", "crossfade"), "of what is kept")
			require.Len(t, live.GetManagedFields(), c.left)
			require.Equal(t, "checkout", live.GetName())
		})
	}
}
