package admission_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/admission"
)

func TestTables(t *testing.T) {
	for _, table := range admission.Tables(admission.DefaultIgnored) {
		t.Run("every fact of "+table.Name+" is declared before it is used, and used", func(t *testing.T) {
			declared, used := map[string]bool{}, map[string]bool{}
			check := func(expression string) {
				for _, match := range regexp.MustCompile(`variables\.([a-zA-Z]+)`).FindAllStringSubmatch(expression, -1) {
					require.Contains(t, declared, match[1], expression)
					used[match[1]] = true
				}
			}
			for _, fact := range table.Facts {
				check(fact.Expression)
				require.NotContains(t, declared, fact.Name)
				declared[fact.Name] = true
			}
			for _, rule := range table.Rules {
				check(rule.Expression())
			}
			require.Equal(t, declared, used)
		})
		t.Run("every rule of "+table.Name+" has a name of its own and says what it protects", func(t *testing.T) {
			names := map[string]bool{}
			for _, rule := range table.Rules {
				require.NotContains(t, names, rule.Name)
				names[rule.Name] = true
				require.NotEmpty(t, rule.Protects)
				require.NotContains(t, rule.Protects, "\n", "it is rendered as a comment of one line")
				require.NotEmpty(t, rule.Changes)
			}
		})
	}
}

func TestExpression(t *testing.T) {
	rule := admission.Rule{
		Name: "example", Protects: "Nothing.", When: "object.spec.fine",
		Changes: []admission.Change{
			{Do: admission.Set, Path: []string{"metadata", "annotations", "a.io/b~c"}, Value: "1"},
			{Do: admission.Keep, Path: []string{"metadata", "annotations", "d"}},
			{Do: admission.Remove, Path: []string{"spec", "template", "e"}},
		},
	}
	require.Equal(t, `// example: Nothing.
!(object.spec.fine) ? [] :
(object.?metadata.?annotations.hasValue() ? [] : [JSONPatch{op: "add", path: "/metadata/annotations", value: {}}])
+ [JSONPatch{op: "add", path: "/metadata/annotations/a.io~1b~0c", value: 1}]
+ (oldObject.?metadata.?annotations.?d.hasValue() ? [JSONPatch{op: "add", path: "/metadata/annotations/d", value: oldObject.?metadata.?annotations.?d.value()}] : (object.?metadata.?annotations.?d.hasValue() ? [JSONPatch{op: "remove", path: "/metadata/annotations/d"}] : []))
+ (object.?spec.?template.?e.hasValue() ? [JSONPatch{op: "remove", path: "/spec/template/e"}] : [])`, rule.Expression())
}

func TestProbe(t *testing.T) {
	live := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal([]byte(`{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": {"name": "checkout", "resourceVersion": "7", "managedFields": []},
		"spec": {"paused": true, "template": {"metadata": {"annotations": {"a": "b", "crossfade.io/pending": "held"}}}},
		"status": {"replicas": 1}}`), &live.Object))
	before := live.DeepCopy()

	t.Run("the probe is a new template with nothing that holds it", func(t *testing.T) {
		probe := admission.ProbeUpdate(live)
		got, err := json.Marshal(probe.Object)
		require.NoError(t, err)
		require.JSONEq(t, `{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout"},
			"spec": {"template": {"metadata": {"annotations": {"a": "b", "crossfade.io/probe": "crossfade-probe"}}}}}`, string(got))
		require.Equal(t, before, live)
		require.False(t, admission.ProbeHeld(probe))
	})
	t.Run("an answer is held if it is paused and marked", func(t *testing.T) {
		require.True(t, admission.ProbeHeld(live))
		for _, path := range [][]string{{"spec", "paused"}, {"spec", "template", "metadata", "annotations", v1alpha1.AnnotationPending}} {
			answer := live.DeepCopy()
			unstructured.RemoveNestedField(answer.Object, path...)
			require.False(t, admission.ProbeHeld(answer))
		}
	})
}
